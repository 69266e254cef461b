//! Copies the workers' log to the host's standard output, for readers of a container's log. It
//! reads the log that workers write for `cargo kt` anyway, so calls get no slower, and a container
//! log that blocks only blocks this thread. Output that the log drops meanwhile is missing from the
//! copy too.

use std::{
    io::{self, Write},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{logs::LogReader, wire::control::LogFrom};

/// Polling interval of the log.
const POLL: Duration = Duration::from_millis(50);
/// Time limit for the last output.
const FAREWELL: Duration = Duration::from_millis(500);
/// Bytes to read at once.
const PIECE: usize = 64 << 10;

/// A thread that copies the log.
#[derive(Debug)]
pub struct Echo {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Echo {
    /// Starts with new output: an earlier container has already copied older output.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(logs: &Path) -> io::Result<Self> {
        let mut reader = LogReader::open(logs, LogFrom::Position(u64::MAX));
        // The first read finds the end; without a log the end is the start.
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
                    let ending = stopped.recv_timeout(POLL) != Err(RecvTimeoutError::Timeout);
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

    /// Copies the remaining output, up to a time limit.
    pub fn finish(self) {
        drop(self.stop);
        let end = Instant::now() + FAREWELL;
        while !self.thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
