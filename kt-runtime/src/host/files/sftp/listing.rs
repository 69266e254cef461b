//! The line of `ls -l` for a file, which clients print verbatim.

use std::{ffi::OsStr, fs::Metadata, os::unix::ffi::OsStrExt, os::unix::fs::MetadataExt};

use rustix::fs::FileType;

/// `drwxr-xr-x    2 0        0            4096 Jan 30  2026 name`
pub fn line(name: &OsStr, data: &Metadata) -> Vec<u8> {
    let (year, month, day) = date(data.mtime().div_euclid(86_400));
    let mut line = format!(
        "{} {:4} {:<8} {:<8} {:8} {} {:2}  {year} ",
        mode(data.mode()),
        data.nlink(),
        data.uid(),
        data.gid(),
        data.len(),
        MONTHS[month],
        day
    )
    .into_bytes();
    line.extend_from_slice(name.as_bytes());
    line
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn mode(mode: u32) -> String {
    let kind = match FileType::from_raw_mode(mode) {
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::CharacterDevice => 'c',
        FileType::BlockDevice => 'b',
        _ => '-',
    };
    let bits = (0..9).map(|bit| match mode & (0o400 >> bit) {
        0 => '-',
        _ => ['r', 'w', 'x'][bit % 3],
    });
    std::iter::once(kind).chain(bits).collect()
}

/// Year, month from 0, and day of a number of days since 1970: Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    // March is the first.
    let from_january = (month + 2) % 12;
    let next = i64::from(from_january < 2);
    (year + era * 400 + next, from_january as usize, day)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_converted_to_dates() {
        assert_eq!(date(0), (1970, 0, 1));
        assert_eq!(date(11_016), (2000, 1, 29));
        assert_eq!(date(-1), (1969, 11, 31));
        assert_eq!(date(20_483), (2026, 0, 30));
    }
}
