//! Appends, from any number of processes concurrently.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::wire::calls::Source;

use super::{
    KEPT, SEGMENT, name, segments, sources,
    times::{self, Marker},
};

/// How often and at what interval a writer tries to take the lock. A process that is stopped in a
/// debugger while it holds the lock must not block the output of all others: after this they write
/// without it.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Appends to the log. Bytes that cannot be written, for example on a full disk, are dropped,
/// counted, and reported in the log later.
#[derive(Debug)]
pub struct LogWriter {
    directory: PathBuf,
    lock: Option<File>,
    segment: Option<Segment>,
    position: u64,
    lost: Option<Lost>,
    times: Marker,
    sources: sources::Marker,
}

#[derive(Debug)]
struct Segment {
    base: u64,
    file: File,
}

#[derive(Debug)]
struct Lost {
    bytes: u64,
    reason: String,
}

impl LogWriter {
    /// Continues at the log's end; creates the directory if needed.
    ///
    /// # Errors
    /// If the directory cannot be used. A full disk is not an error.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let mut writer = Self {
            directory: directory.to_owned(),
            lock: None,
            segment: None,
            position: 0,
            lost: None,
            times: Marker::default(),
            sources: sources::Marker::default(),
        };
        match writer.prepare() {
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
            _ => Ok(writer),
        }
    }

    /// The position after the last byte known to this writer.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// [`append_from`](Self::append_from) for bytes with an unknown source.
    #[cfg(feature = "host")]
    pub fn append(&mut self, bytes: &[u8]) -> u64 {
        self.append_from(bytes, &Source::default())
    }

    /// Appends `bytes` and returns the position after them. Bytes that cannot be written are
    /// dropped, and the position is that after the written ones.
    pub fn append_from(&mut self, bytes: &[u8], source: &Source) -> u64 {
        let mut left = bytes;
        if let Err(error) = self.try_append(&mut left, source) {
            let lost = self.lost.get_or_insert_with(|| Lost {
                bytes: 0,
                reason: String::new(),
            });
            lost.bytes += left.len() as u64;
            lost.reason = error.to_string();
        }
        self.position
    }

    /// Removes written bytes from `left`.
    fn try_append(&mut self, left: &mut &[u8], source: &Source) -> io::Result<()> {
        self.prepare()?;
        let lock = self.lock.take();
        let locked = lock.as_ref().is_some_and(acquire);
        let done = self.current().and_then(|mut segment| {
            let done = self.write_to(&mut segment, left, source);
            self.segment = Some(segment);
            done
        });
        if let Some(lock) = lock {
            if locked {
                lock.unlock()?;
            }
            self.lock = Some(lock);
        }
        done
    }

    fn write_to(
        &mut self,
        segment: &mut Segment,
        left: &mut &[u8],
        source: &Source,
    ) -> io::Result<()> {
        if let Some(lost) = &self.lost {
            let start = segment.file.metadata()?.len();
            let position = segment.base + start;
            self.sources
                .mark(&self.directory, position, &Source::default());
            let notice = format!(
                "\n[kt: {} bytes of output lost: failed to write the log: {}]\n",
                lost.bytes, lost.reason
            );
            if let Err(error) = segment.file.write_all(notice.as_bytes()) {
                // Remove a partial notice, if possible.
                let _ = segment.file.set_len(start);
                return Err(error);
            }
            self.lost = None;
        }
        let start = segment.base + segment.file.metadata()?.len();
        if self.times.is_due() {
            self.times.mark(&self.directory, start);
        }
        self.sources.mark(&self.directory, start, source);
        let mut result = Ok(());
        while !left.is_empty() && result.is_ok() {
            match segment.file.write(left) {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *left = &left[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => result = Err(error),
            }
        }
        self.position = segment.base + segment.file.metadata()?.len();
        self.sources.wrote(self.position);
        result
    }

    fn prepare(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            fs::create_dir_all(&self.directory)?;
            let lock = File::options()
                .create(true)
                .append(true)
                .open(self.directory.join("lock"))?;
            self.lock = Some(lock);
        }
        if self.segment.is_none() {
            let base = segments(&self.directory)?.last().copied().unwrap_or(0);
            let segment = self.segment_at(base)?;
            self.position = base + segment.file.metadata()?.len();
            self.segment = Some(segment);
        }
        Ok(())
    }

    /// The segment to write to: a new one if the latest is full.
    fn current(&mut self) -> io::Result<Segment> {
        let segment = self.segment.take().ok_or(io::ErrorKind::NotFound)?;
        if segment.file.metadata()?.len() < SEGMENT {
            return Ok(segment);
        }
        // Another process may have started a later one.
        let base = segments(&self.directory)?.last().copied().unwrap_or(0);
        let last = self.segment_at(base)?;
        let length = last.file.metadata()?.len();
        if length < SEGMENT {
            return Ok(last);
        }
        let next = self.segment_at(base + length)?;
        self.prune()?;
        Ok(next)
    }

    fn segment_at(&self, base: u64) -> io::Result<Segment> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join(name(base)))?;
        Ok(Segment { base, file })
    }

    fn prune(&self) -> io::Result<()> {
        let all = segments(&self.directory)?;
        for old in &all[..all.len().saturating_sub(KEPT)] {
            fs::remove_file(self.directory.join(name(*old)))?;
        }
        let kept = all.len().saturating_sub(KEPT);
        let oldest = all.get(kept).copied().unwrap_or(0);
        sources::prune(&self.directory, oldest)?;
        times::prune(&self.directory, oldest)
    }
}

fn acquire(lock: &File) -> bool {
    for _ in 0..LOCK_ATTEMPTS {
        match lock.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(_)) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn positions_continue_across_writers_and_segments() {
        let directory = Scratch::new("log-positions");
        let chunk = vec![b'x'; 1 << 20];
        let mut position = 0;
        for _ in 0..6 {
            let mut writer = LogWriter::open(directory.path()).unwrap();
            assert_eq!(writer.position(), position);
            for _ in 0..5 {
                position += chunk.len() as u64;
                assert_eq!(writer.append(&chunk), position);
            }
        }
        let kept = segments(directory.path()).unwrap();
        assert_eq!(kept.len(), KEPT);
        assert!(position - kept[0] <= KEPT as u64 * SEGMENT);
    }

    #[test]
    fn two_writers_never_overwrite_each_other() {
        let directory = Scratch::new("log-two");
        let mut writers = [
            LogWriter::open(directory.path()).unwrap(),
            LogWriter::open(directory.path()).unwrap(),
        ];
        let chunk = vec![b'x'; 700 << 10];
        for round in 0..20 {
            let position = writers[round % 2].append(&chunk);
            assert_eq!(position, (round as u64 + 1) * chunk.len() as u64);
        }
    }

    #[test]
    fn a_full_disk_drops_bytes_and_reports_them_later() {
        let directory = Scratch::new("log-full");
        symlink("/dev/full", directory.path().join(name(0))).unwrap();
        let mut writer = LogWriter::open(directory.path()).unwrap();
        assert_eq!(writer.append(b"lost\n"), 0);
        assert_eq!(writer.append(b"too"), 0);

        // With free space again, the same writer opens a working file.
        fs::remove_file(directory.path().join(name(0))).unwrap();
        writer.segment = None;
        let position = writer.append(b"kept\n");
        let text = fs::read_to_string(directory.path().join(name(0))).unwrap();
        assert_eq!(text.len() as u64, position);
        assert!(text.contains("8 bytes of output lost"), "{text}");
        assert!(text.contains("No space left on device"), "{text}");
        assert!(text.ends_with("]\nkept\n"), "{text}");
    }
}
