//! Reads from a position, while other processes append.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{KEPT, SEGMENT, name, segments, times};
use crate::wire::control::LogFrom;

/// Reads the log from a position to its current end, repeatedly.
#[derive(Debug)]
pub struct LogReader {
    directory: PathBuf,
    segment: Option<(u64, File)>,
    position: u64,
    /// Pending notice about missing bytes; returned before the next byte.
    notice: Vec<u8>,
    /// The latest read returned part of a notice.
    is_notice: bool,
}

impl LogReader {
    /// Starts at a position. If it is no longer kept, starts with a notice and the oldest kept
    /// position.
    pub fn open(directory: &Path, from: LogFrom) -> Self {
        Self {
            directory: directory.to_owned(),
            segment: None,
            notice: Vec::new(),
            is_notice: false,
            position: match from {
                LogFrom::Start => 0,
                LogFrom::Position(position) => position,
                // If nothing was printed since, only new output.
                LogFrom::Last { ms } => times::since(directory, ms).unwrap_or(u64::MAX),
            },
        }
    }

    /// The position of the next byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the latest read returned a notice in place of missing bytes.
    pub fn is_notice(&self) -> bool {
        self.is_notice
    }

    /// Reads into `buffer`; returns 0 if there is no more output yet. If the next bytes were
    /// already removed, because more was written than the log keeps, returns a notice with the
    /// number of missing bytes.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be read. A log that does not exist yet is empty.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.is_notice = !self.notice.is_empty();
            if self.is_notice {
                let length = self.notice.len().min(buffer.len());
                buffer[..length].copy_from_slice(&self.notice[..length]);
                self.notice.drain(..length);
                return Ok(length);
            }
            let read = self.read_segment(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let all = match segments(&self.directory) {
                Ok(all) => all,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(error),
            };
            let next = match &self.segment {
                None => all
                    .iter()
                    .rfind(|&&base| base <= self.position)
                    .or(all.first()),
                Some((base, _)) => all.iter().find(|&next| next > base),
            };
            let Some(&next) = next else { return Ok(0) };
            // Bytes may have been written between the read and the directory listing: read the rest
            // first.
            let read = self.read_segment(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            match File::open(self.directory.join(name(next))) {
                Ok(file) => {
                    self.enter(next, file)?;
                    continue;
                }
                // Removed meanwhile: list again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn enter(&mut self, base: u64, file: File) -> io::Result<()> {
        let end = base + file.metadata()?.len();
        if let Some(missing @ 1..) = base.checked_sub(self.position) {
            self.notice = format!(
                "\n[kt: {missing} bytes of output missing: the log keeps the last {} MB]\n",
                (KEPT as u64 * SEGMENT) >> 20
            )
            .into_bytes();
        }
        // A position past the end means: only new output.
        self.position = match self.segment {
            None => self.position.clamp(base, end),
            Some(_) => base,
        };
        self.segment = Some((base, file));
        Ok(())
    }

    fn read_segment(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((base, file)) = &self.segment else {
            return Ok(0);
        };
        let read = file.read_at(buffer, self.position - base)?;
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{logs::LogWriter, sys::scratch::Scratch};

    fn read_all(reader: &mut LogReader) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 100_000]);
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => return all,
                read => all.extend(&buffer[..read]),
            }
        }
    }

    /// The reader's notice about missing bytes, which comes first, and the bytes.
    fn split_notice(mut all: Vec<u8>) -> (String, Vec<u8>) {
        let end = all.windows(2).position(|pair| pair == b"]\n");
        let kept = all.split_off(end.expect("a notice comes first") + 2);
        (String::from_utf8(all).unwrap(), kept)
    }

    #[test]
    fn a_reader_that_falls_behind_reports_the_number_of_missing_bytes() {
        let directory = Scratch::new("log-behind");
        let mut writer = LogWriter::open(directory.path()).unwrap();
        writer.append(b"first");
        let mut reader = LogReader::open(directory.path(), LogFrom::Start);
        assert_eq!(read_all(&mut reader), b"first");
        for _ in 0..8 {
            writer.append(&vec![b'.'; SEGMENT as usize]);
        }
        let all = read_all(&mut reader);
        let at = all.windows(5).position(|window| window == b"\n[kt:");
        // The segment that the reader has open stays readable.
        let before = at.expect("a notice");
        let (notice, kept) = split_notice(all[before..].to_vec());
        let missing = notice
            .split(' ')
            .nth(1)
            .and_then(|bytes| bytes.parse::<usize>().ok());
        let written = 8 * SEGMENT as usize;
        assert_eq!(before + missing.unwrap() + kept.len(), written, "{notice}");
        assert_eq!(reader.position(), writer.position());
    }

    #[test]
    fn a_reader_follows_a_writer_through_segments() {
        let directory = Scratch::new("log-follow");
        let mut reader = LogReader::open(directory.path(), LogFrom::Start);
        assert_eq!(read_all(&mut reader), b"");
        let mut writer = LogWriter::open(directory.path()).unwrap();
        let mut expected = Vec::<u8>::new();
        for round in 0..10_u8 {
            let chunk = vec![round; 900 << 10];
            expected.extend(&chunk);
            writer.append(&chunk);
            if round % 3 == 0 {
                assert!(read_all(&mut reader) == expected);
                expected.clear();
            }
        }
        assert_eq!(reader.position(), writer.position());
    }

    #[test]
    fn positions_outside_the_log_become_its_ends() {
        let directory = Scratch::new("log-ends");
        let mut writer = LogWriter::open(directory.path()).unwrap();
        let mut later = LogReader::open(directory.path(), LogFrom::Position(1 << 40));
        assert_eq!(read_all(&mut later), b"");
        for _ in 0..6 {
            writer.append(&vec![b'.'; SEGMENT as usize]);
        }
        let mut reader = LogReader::open(directory.path(), LogFrom::Position(7));
        let (notice, kept) = split_notice(read_all(&mut reader));
        assert_eq!(kept.len() as u64, 4 * SEGMENT);
        let missing = 2 * SEGMENT - 7;
        assert!(notice.contains(&format!("[kt: {missing} bytes of output missing")));
        let mut tail = LogReader::open(directory.path(), LogFrom::Position(6 * SEGMENT - 3));
        assert_eq!(read_all(&mut tail), b"...");
    }
}
