//! Reads the log with the source of each byte.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{LogReader, sources, sources::Mark};
use crate::wire::{
    control::LogFrom,
    inspect::{LogPiece, Source},
};

/// Bytes of the log to read at once.
const PIECE: usize = 64 << 10;

/// Reads the log from a position to its current end, repeatedly, in pieces with one source each.
#[derive(Debug)]
pub struct PieceReader {
    log: LogReader,
    marks: Marks,
    ready: VecDeque<LogPiece>,
}

impl PieceReader {
    /// See [`LogReader::open`].
    pub fn open(directory: &Path, from: LogFrom) -> Self {
        Self {
            log: LogReader::open(directory, from),
            marks: Marks {
                path: sources::path(directory),
                read: None,
                current: None,
                coming: VecDeque::new(),
            },
            ready: VecDeque::new(),
        }
    }

    /// The next piece; `None` if there is no more output yet.
    ///
    /// # Errors
    /// If the log cannot be read. If only its marks cannot be read, the source is unknown.
    pub fn read(&mut self) -> io::Result<Option<LogPiece>> {
        if let Some(piece) = self.ready.pop_front() {
            return Ok(Some(piece));
        }
        let mut bytes = vec![0; PIECE];
        let read = self.log.read(&mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.truncate(read);
        let end = self.log.position();
        if self.log.is_notice() {
            return Ok(Some(LogPiece {
                position: end,
                time_ms: None,
                source: Source::default(),
                notice: true,
                bytes,
            }));
        }
        // After the bytes: their marks were written before them.
        self.marks.catch_up();
        let mut start = end - read as u64;
        while !bytes.is_empty() {
            let next = self.marks.advance_to(start);
            let length = next.map_or(bytes.len() as u64, |next| next - start);
            let rest = bytes.split_off(
                bytes
                    .len()
                    .min(usize::try_from(length).unwrap_or(usize::MAX)),
            );
            start += bytes.len() as u64;
            let mark = self.marks.current.as_ref();
            self.ready.push_back(LogPiece {
                position: start,
                time_ms: mark.map(|mark| mark.time_ms),
                source: mark.map(|mark| mark.source.clone()).unwrap_or_default(),
                notice: false,
                bytes,
            });
            bytes = rest;
        }
        Ok(self.ready.pop_front())
    }
}

/// The marks from the reader's position on.
#[derive(Debug)]
struct Marks {
    path: PathBuf,
    /// Inode and offset of the file that was read.
    read: Option<(u64, u64)>,
    /// The mark that applies at the reader's position.
    current: Option<Mark>,
    coming: VecDeque<Mark>,
}

impl Marks {
    /// Reads new marks. A rewritten file is read from its start: it contains the later marks of the
    /// old one.
    fn catch_up(&mut self) {
        // On an error the sources stay unknown.
        let _ = self.try_catch_up();
    }

    fn try_catch_up(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let number = file.metadata()?.ino();
        let from = match self.read {
            Some((known, offset)) if known == number => offset,
            _ => 0,
        };
        io::Seek::seek(&mut file, io::SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // Up to the last complete mark.
        let mut whole = 0;
        while let Some(prefix) = bytes[whole..].first_chunk::<4>() {
            let end = whole + 4 + u32::from_le_bytes(*prefix) as usize;
            if end > bytes.len() {
                break;
            }
            whole = end;
        }
        self.read = Some((number, from + whole as u64));
        let known = self.coming.back().or(self.current.as_ref());
        let known = known.map(|mark| mark.position);
        let new = sources::read(&bytes[..whole]).into_iter();
        self.coming
            .extend(new.filter(|mark| from > 0 || known.is_none_or(|known| mark.position > known)));
        Ok(())
    }

    /// Advances to the mark that applies at this position, and returns where the next one starts.
    fn advance_to(&mut self, position: u64) -> Option<u64> {
        while let Some(mark) = self.coming.pop_front_if(|mark| mark.position <= position) {
            self.current = Some(mark);
        }
        self.coming.front().map(|mark| mark.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        logs::LogWriter,
        sys::scratch::Scratch,
        wire::{Generation, data::Stream, inspect::CallName},
    };

    fn of(number: u64) -> Source {
        Source {
            worker: 1,
            stream: Some(Stream::Stdout),
            calls: Some(vec![CallName {
                number,
                generation: Generation(1),
                function: "app::f".into(),
            }]),
            unnamed: 0,
        }
    }

    fn all(reader: &mut PieceReader) -> Vec<(String, Source)> {
        let pieces = std::iter::from_fn(|| reader.read().unwrap());
        pieces
            .map(|piece| (String::from_utf8(piece.bytes).unwrap(), piece.source))
            .collect()
    }

    #[test]
    fn each_byte_has_its_source_also_during_writes() {
        let directory = Scratch::new("log-pieces");
        let mut writer = LogWriter::open(directory.path()).unwrap();
        let mut reader = PieceReader::open(directory.path(), LogFrom::Start);
        writer.append_from(b"one\n", &of(1));
        writer.append_from(b"more of one\n", &of(1));
        writer.append_from(b"two\n", &of(2));
        let piece = |text: &str, source| (text.to_owned(), source);
        let expected = [piece("one\nmore of one\n", of(1)), piece("two\n", of(2))];
        assert_eq!(all(&mut reader), expected);
        writer.append(b"left by a dead worker\n");
        writer.append_from(b"two again\n", &of(2));
        let left = piece("left by a dead worker\n", Source::default());
        let expected = [left, piece("two again\n", of(2))];
        assert_eq!(all(&mut reader), expected);
        // From the middle, and after the file of marks was rewritten.
        sources::prune(directory.path(), 18).unwrap();
        let mut later = PieceReader::open(directory.path(), LogFrom::Position(18));
        assert_eq!(all(&mut later)[0], piece("o\n", of(2)));
        writer.append_from(b"three\n", &of(3));
        assert_eq!(all(&mut reader), [piece("three\n", of(3))]);
    }

    #[test]
    fn without_marks_the_source_is_unknown() {
        let directory = Scratch::new("log-no-marks");
        LogWriter::open(directory.path())
            .unwrap()
            .append_from(b"text", &of(1));
        std::fs::remove_file(sources::path(directory.path())).unwrap();
        let mut reader = PieceReader::open(directory.path(), LogFrom::Start);
        assert_eq!(all(&mut reader), [("text".to_owned(), Source::default())]);
    }
}
