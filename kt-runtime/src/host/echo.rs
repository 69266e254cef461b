//! Repeats the log of the workers on the host's own standard output, for those who read a container's log. It reads what the
//! workers have written for `cargo kt` anyway: a call's output costs nothing more, and a container log that takes nothing
//! holds up this thread alone. What the log drops meanwhile is missing there too.

use std::{
    io::{self, Write},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{logs::LogReader, wire::control::LogFrom};

/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long the last words may take to get out.
const FAREWELL: Duration = Duration::from_millis(500);
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// A thread that repeats the log.
#[derive(Debug)]
pub struct Echo {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Echo {
    /// Starts with what comes from now on: what was there before, an earlier container has repeated.
    ///
    /// # Errors
    /// If there can be no further thread.
    pub fn start(logs: &Path) -> io::Result<Self> {
        let mut reader = LogReader::open(logs, LogFrom::Position(u64::MAX));
        // The first look finds the end; without a log it is the start.
        let mut piece = vec![0; PIECE];
        let known = reader.read(&mut piece).is_ok() && reader.position() != u64::MAX;
        if !known {
            reader = LogReader::open(logs, LogFrom::Start);
        }
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("kt-echo".into())
            .spawn(move || {
                loop {
                    let ending = stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
                    while let Ok(read @ 1..) = reader.read(&mut piece) {
                        if io::stdout().write_all(&piece[..read]).is_err() {
                            return;
                        }
                    }
                    let _ = io::stdout().flush();
                    if ending {
                        return;
                    }
                }
            })?;
        Ok(Self { stop, thread })
    }

    /// Repeats what is left, unless that takes too long.
    pub fn finish(self) {
        drop(self.stop);
        let end = Instant::now() + FAREWELL;
        while !self.thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
