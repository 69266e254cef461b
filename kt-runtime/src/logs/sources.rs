//! Sources of output: a file next to the segments, with a mark wherever the source of the bytes
//! changes.
//!
//! A mark is a [frame](crate::wire::frame) with a position, a time and the [`Source`] of the bytes
//! up to the next mark. It is written before the bytes and under the log's lock, so every reader of
//! the bytes finds it. The file is bounded: above [`LIMIT`] its older half is removed, and the
//! source of those bytes becomes unknown.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::times;
use crate::wire::{calls::Source, frame, limits};

/// Size in bytes at which the older half of the file is removed.
const LIMIT: u64 = 4 << 20;

/// Applies from a position to the next mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) position: u64,
    /// Time of the mark, in milliseconds since 1970. The next mark follows within
    /// [`times::INTERVAL`] if anything is printed.
    pub(super) time_ms: u64,
    pub(super) source: Source,
}

pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("sources")
}

/// Writes the marks of one writer.
#[derive(Debug, Default)]
pub(super) struct Marker {
    /// Its latest mark, and the position up to which no other writer has written since.
    last: Option<(Mark, u64)>,
}

impl Marker {
    /// Marks the bytes from `position` on with this source. If the mark cannot be written, output
    /// continues.
    pub(super) fn mark(&mut self, directory: &Path, position: u64, source: &Source) {
        let now = times::now();
        if let Some((last, end)) = &self.last
            && last.source == *source
            && *end == position
            && (last.time_ms..last.time_ms + times::INTERVAL).contains(&now)
        {
            return;
        }
        let mark = Mark {
            position,
            time_ms: now,
            source: source.clone(),
        };
        // Written before the bytes: if it fails, they are attributed to the previous source.
        let _ = append(directory, &mark);
        self.last = Some((mark, position));
    }

    /// Records that bytes of the marked source were written up to `end`.
    pub(super) fn wrote(&mut self, end: u64) {
        if let Some((_, known)) = &mut self.last {
            *known = end;
        }
    }
}

fn append(directory: &Path, mark: &Mark) -> io::Result<()> {
    let path = path(directory);
    let mut file = File::options().create(true).append(true).open(&path)?;
    let frame = frame::encode(mark, limits::CONTROL).map_err(io::Error::other)?;
    file.write_all(&frame)?;
    if file.metadata()?.len() > LIMIT {
        let all = read(&fs::read(&path)?);
        rewrite(directory, &all[all.len() / 2..])?;
    }
    Ok(())
}

/// Removes the marks of removed segments.
pub(super) fn prune(directory: &Path, oldest: u64) -> io::Result<()> {
    let bytes = match fs::read(path(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let all = read(&bytes);
    // The preceding mark has the source of the oldest byte.
    let first = all.partition_point(|mark| mark.position <= oldest);
    rewrite(directory, &all[first.saturating_sub(1)..])
}

fn rewrite(directory: &Path, marks: &[Mark]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for mark in marks {
        bytes.extend(frame::encode(mark, limits::CONTROL).map_err(io::Error::other)?);
    }
    let path = path(directory);
    let temporary = path.with_extension("new");
    fs::write(&temporary, bytes)?;
    fs::rename(temporary, path)
}

/// Parses the marks of a file. Ignores an incomplete mark at the end.
pub(super) fn read(bytes: &[u8]) -> Vec<Mark> {
    let mut left = BytesMut::from(bytes);
    std::iter::from_fn(|| frame::decode(&mut left, limits::CONTROL).ok().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sys::scratch::Scratch,
        wire::{Generation, calls::CallName, data::Stream},
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

    fn marks(directory: &Scratch) -> Vec<(u64, Source)> {
        let all = read(&fs::read(path(directory.path())).unwrap());
        all.into_iter().map(|it| (it.position, it.source)).collect()
    }

    #[test]
    fn a_mark_is_written_where_the_source_or_the_writer_changes() {
        let directory = Scratch::new("log-sources");
        let mut marker = Marker::default();
        for (start, end, call) in [(0, 5, 1), (5, 9, 1), (9, 20, 2), (25, 30, 2)] {
            marker.mark(directory.path(), start, &of(call));
            marker.wrote(end);
        }
        assert_eq!(marks(&directory), [(0, of(1)), (9, of(2)), (25, of(2))]);
        prune(directory.path(), 15).unwrap();
        assert_eq!(marks(&directory), [(9, of(2)), (25, of(2))]);
    }

    #[test]
    fn the_file_is_bounded_and_its_newest_marks_stay() {
        let directory = Scratch::new("log-sources-bound");
        let mut source = of(1);
        // Long names, so that fewer marks fill the file.
        source.calls.as_mut().unwrap()[0].function = "f".repeat(64 << 10);
        let mut marker = Marker::default();
        for position in 0..100 {
            source.calls.as_mut().unwrap()[0].number = position;
            marker.mark(directory.path(), position, &source);
        }
        assert!(fs::metadata(path(directory.path())).unwrap().len() <= LIMIT);
        let marks = marks(&directory);
        assert!((30..99).contains(&marks.len()), "{}", marks.len());
        assert_eq!(marks.last().unwrap().0, 99);
    }

    #[test]
    fn an_incomplete_mark_is_ignored() {
        let directory = Scratch::new("log-sources-cut");
        Marker::default().mark(directory.path(), 7, &of(1));
        let bytes = fs::read(path(directory.path())).unwrap();
        assert_eq!(read(&bytes[..bytes.len() - 1]), []);
        assert_eq!(read(&[0xff; 8]), []);
    }
}
