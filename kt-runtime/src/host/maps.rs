//! The memory mappings of a process: proc_pid_maps(5).

use std::{fs, io, ops::Range};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping<'a> {
    pub start: u64,
    pub end: u64,
    /// `r-xp`
    pub rights: &'a str,
    /// Offset in the file.
    pub offset: u64,
    pub inode: u64,
    /// A file's path, a name in brackets, or empty.
    pub path: &'a str,
}

impl Mapping<'_> {
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }
}

/// All mappings of a process, for [`parse`].
///
/// # Errors
/// If it has exited, or access is denied.
pub fn read(pid: u32) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/maps"))
}

pub fn parse(maps: &str) -> impl Iterator<Item = Mapping<'_>> {
    maps.lines().filter_map(|line| {
        let mut fields = line.splitn(6, ' ');
        let (addresses, rights, offset) = (fields.next()?, fields.next()?, fields.next()?);
        let (_device, inode, path) = (fields.next()?, fields.next()?, fields.next()?);
        let (start, end) = addresses.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(Mapping {
            start: number(start)?,
            end: number(end)?,
            rights,
            offset: number(offset)?,
            inode: inode.parse().ok()?,
            path: path.trim_start(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_range_rights_and_a_path_with_spaces() {
        let maps = "\
7f2000-7f4000 r-xp 00001000 08:01 42                         /opt/a b/libx.so
7f6000-7f7000 rw-p 00000000 00:00 0 
broken
";
        let found: Vec<_> = parse(maps).collect();
        let expected = Mapping {
            start: 0x7f2000,
            end: 0x7f4000,
            rights: "r-xp",
            offset: 0x1000,
            inode: 42,
            path: "/opt/a b/libx.so",
        };
        assert_eq!((found.len(), &found[0]), (2, &expected));
        assert_eq!(found[1].path, "");
    }
}
