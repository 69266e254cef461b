//! Output of this process on file descriptors 1 and 2: from Rust, C, and child processes. It is
//! written to the log first and then sent to every connected driver.

use std::{
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, Thread},
    time::Duration,
};

use bytes::Bytes;

use super::{
    backlog::{self, Piece, Sink, Taker},
    calls::Calls,
    flush::Flush,
};
use crate::{
    logs::LogWriter,
    sys::stdio,
    wire::{
        data::{BreakpointReached, Stream},
        limits,
    },
};

/// Both streams, the log, and the drivers that read.
pub(super) struct Output {
    shared: Arc<Mutex<Shared>>,
    /// Drains the pipes while no call does.
    printer: Thread,
    flush: Flush,
}

struct Shared {
    pipes: [(Stream, OwnedFd); 2],
    /// An empty pipe: its read end, and its write end.
    copy: (OwnedFd, OwnedFd),
    /// Reused: clearing a new buffer would take a seventh of the time of a call's drain.
    buffer: Box<[u8; 16 << 10]>,
    log: LogWriter,
    calls: Arc<Calls>,
    /// Bytes read from the pipes.
    position: u64,
    listeners: Vec<Sink>,
    recorded: Recorded,
}

/// Output printed while this process starts, before a driver can connect: kept for the first one.
#[derive(Default)]
struct Recorded {
    on: bool,
    /// Positions before the first piece, in the output and in the log.
    start: (u64, u64),
    pieces: Vec<Piece>,
    bytes: usize,
    /// Bytes that did not fit, and the positions after them.
    missed: Option<(u64, u64, u64)>,
}

/// Limit of recorded bytes; the log has all of them.
const RECORDED: usize = 1 << 20;

/// Output is recorded while this exists.
pub(super) struct Recording<'a>(&'a Output);

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.0.flush();
        self.0.drain();
        lock(&self.0.shared).recorded.on = false;
    }
}

/// One driver's end. Dropping it removes the other end from the list: a worker that prints nothing
/// would otherwise keep it forever.
pub(super) struct Listener {
    taker: Taker,
    shared: Arc<Mutex<Shared>>,
}

impl Output {
    /// Takes the pipes' read ends, and starts the thread that drains them while no call does.
    pub(super) fn start(
        logs: &Path,
        stdout: OwnedFd,
        stderr: OwnedFd,
        calls: Arc<Calls>,
    ) -> io::Result<Self> {
        stdio::set_nonblocking(stdout.as_fd())?;
        stdio::set_nonblocking(stderr.as_fd())?;
        let waited = [stdout.try_clone()?, stderr.try_clone()?];
        let (copied, copy) = io::pipe()?;
        let copy = (OwnedFd::from(copied), OwnedFd::from(copy));
        let log = LogWriter::open(logs)?;
        let pipes = [(Stream::Stdout, stdout), (Stream::Stderr, stderr)];
        let shared = Arc::new(Mutex::new(Shared {
            pipes,
            copy,
            buffer: Box::new([0; 16 << 10]),
            log,
            calls,
            position: 0,
            listeners: Vec::new(),
            recorded: Recorded::default(),
        }));
        let drained = shared.clone();
        let printer = thread::Builder::new()
            .name("kt-output".into())
            .spawn(move || {
                let mut open = [true; 2];
                // A pipe at EOF is always readable: the user's code may close its standard output.
                while open != [false; 2] {
                    let waiting = [0, 1].map(|index| open[index].then(|| waited[index].as_fd()));
                    if stdio::wait_readable(waiting).is_err() {
                        return;
                    }
                    let wait = {
                        let mut shared = lock(&drained);
                        open = shared.drain();
                        shared.wait()
                    };
                    if let Some(wait) = wait {
                        thread::park_timeout(wait);
                    }
                }
            })?;
        Ok(Self {
            shared,
            printer: printer.thread().clone(),
            flush: Flush::default(),
        })
    }

    /// Flushes the buffers of Rust and C. [`drain`](Self::drain) does not, because flushing waits
    /// for the lock on standard output.
    pub(super) fn flush(&self) {
        self.flush.pass(|| {
            // If writing fails, there is no reader.
            let _ = io::stdout().flush();
            stdio::flush();
        });
    }

    /// Reads everything written so far, and returns the position after it. While a driver is too
    /// far behind, nothing is read, and the bytes in the pipes only count.
    pub(super) fn drain(&self) -> u64 {
        let mut shared = lock(&self.shared);
        shared.drain();
        let left = || {
            shared
                .pipes
                .iter()
                .map(|(_, pipe)| stdio::waiting(pipe.as_fd()) as u64)
        };
        match shared.wait() {
            Some(_) => shared.position + left().sum::<u64>(),
            None => shared.position,
        }
    }

    /// Prints where a call waits at a breakpoint, and notifies every driver once after that output.
    pub(super) fn announce(&self, text: &str, reached: BreakpointReached) {
        eprintln!("{text}");
        let mut shared = lock(&self.shared);
        shared.drain();
        let piece = Piece {
            stream: Stream::Stderr,
            position: shared.position,
            logged: shared.log.position(),
            bytes: Bytes::new(),
            breakpoint: Some(Arc::new(reached)),
        };
        shared
            .listeners
            .retain(|listener| listener.give(piece.clone()));
    }

    /// Records output from here on for the first driver that connects.
    pub(super) fn record(&self) -> Recording<'_> {
        let mut shared = lock(&self.shared);
        let start = (shared.position, shared.log.position());
        shared.recorded = Recorded {
            on: true,
            start,
            ..Recorded::default()
        };
        Recording(self)
    }

    /// Whether any program shows this output.
    pub(super) fn is_listened_to(&self) -> bool {
        lock(&self.shared).listeners.iter().any(Sink::is_open)
    }

    /// Subscribes to the output from here on, after what is recorded. Returns the start position,
    /// in the output and in the log.
    pub(super) fn listen(&self) -> (u64, u64, Listener) {
        let (sink, taker) = backlog::channel(self.printer.clone(), limits::STOPPED_DRIVER);
        let mut shared = lock(&self.shared);
        let (mut position, mut logged) = (shared.position, shared.log.position());
        if !shared.recorded.pieces.is_empty() {
            let recorded = std::mem::take(&mut shared.recorded);
            (position, logged) = recorded.start;
            for piece in recorded.into_pieces() {
                sink.give(piece);
            }
        }
        shared.listeners.push(sink);
        let listener = Listener {
            taker,
            shared: Arc::clone(&self.shared),
        };
        (position, logged, listener)
    }
}

impl Listener {
    pub(super) async fn next(&mut self) -> Piece {
        self.taker.next().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.taker.close();
        lock(&self.shared).listeners.retain(Sink::is_open);
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// How long to leave the pipes full: until the slowest driver has read something, up to a
    /// timeout.
    fn wait(&self) -> Option<Duration> {
        self.listeners.iter().filter_map(Sink::wait).max()
    }

    /// Reads all available output unless a driver is too far behind. Returns which pipes are still
    /// open.
    fn drain(&mut self) -> [bool; 2] {
        let mut open = [false; 2];
        let ended = self.calls.ended();
        let mut emptied = true;
        let Self {
            pipes,
            copy,
            buffer,
            log,
            calls,
            position,
            listeners,
            recorded,
        } = self;
        // Most calls print nothing, and one `poll` of both pipes is cheaper than two reads. If
        // `poll` fails, the reads report why.
        let readable =
            stdio::readable([&pipes[0].1, &pipes[1].1].map(AsFd::as_fd)).unwrap_or([true; 2]);
        for (((stream, pipe), open), readable) in pipes.iter().zip(&mut open).zip(readable) {
            if !readable {
                *open = true;
                continue;
            }
            let (mut taken, mut all) = (0, usize::MAX);
            // Reads no more than the pipe held at first: the drivers' connections wait for this,
            // and a call that prints without end must not block them.
            while taken < all {
                if listeners.iter().any(|listener| listener.wait().is_some()) {
                    *open = true;
                    emptied = false;
                    break;
                }
                // The log is written before the pipe is emptied: if this process dies in between,
                // the host still reads the bytes from the pipe. They are then in the log twice,
                // which is better than lost.
                let copied = stdio::copy_available(pipe.as_fd(), copy.1.as_fd(), buffer.len());
                let read = match copied {
                    Ok(Some(copied @ 1..)) => {
                        match stdio::read_available(copy.0.as_fd(), &mut buffer[..copied]) {
                            Ok(Some(read)) if read == copied => read,
                            _ => break,
                        }
                    }
                    Ok(Some(_)) | Err(_) => break,
                    Ok(None) => {
                        *open = true;
                        break;
                    }
                };
                // The log handles its own failures; what a driver sees does not depend on it.
                let logged = log.append_from(&buffer[..read], &calls.source(*stream));
                *position += read as u64;
                // The same bytes: there is no other reader.
                let _ = stdio::read_available(pipe.as_fd(), &mut buffer[..read]);
                let piece = Piece {
                    stream: *stream,
                    position: *position,
                    logged,
                    bytes: Bytes::copy_from_slice(&buffer[..read]),
                    breakpoint: None,
                };
                recorded.take(&piece);
                listeners.retain(|listener| listener.give(piece.clone()));
                taken += read;
                if taken >= buffer.len() && all == usize::MAX {
                    all = stdio::pipe_capacity(pipe.as_fd());
                }
            }
            *open |= taken >= all;
            emptied &= taken < all;
        }
        if emptied {
            calls.forget(ended);
        }
        open
    }
}

impl Recorded {
    fn take(&mut self, piece: &Piece) {
        if !self.on {
            return;
        }
        if self.bytes < RECORDED {
            self.bytes += piece.bytes.len();
            self.pieces.push(piece.clone());
        } else {
            let (missed, ..) = self.missed.unwrap_or_default();
            let missed = missed + piece.bytes.len() as u64;
            self.missed = Some((missed, piece.position, piece.logged));
        }
    }

    /// The recorded pieces. Missing bytes are counted in their place.
    fn into_pieces(self) -> impl Iterator<Item = Piece> {
        let notice = self.missed.map(|(missed, position, logged)| Piece {
            stream: Stream::Stderr,
            position,
            logged,
            bytes: format!("\n[kt: {missed} more bytes were printed while the worker started; run `cargo kt logs` to see them]\n")
                .into(),
            breakpoint: None,
        });
        self.pieces.into_iter().chain(notice)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::pipe, sync::mpsc as std_mpsc};

    use super::*;

    #[test]
    fn a_drain_takes_all_that_a_pipe_can_hold() {
        let folder = tempfile::tempdir().unwrap();
        let ((out, mut to_out), (err, mut to_err)) = (pipe().unwrap(), pipe().unwrap());
        let full = stdio::pipe_capacity(out.as_fd());
        let output = Output::start(folder.path(), out.into(), err.into(), Calls::new(1)).unwrap();
        for round in 1..=20 {
            to_out.write_all(&vec![b'o'; full]).unwrap();
            to_err.write_all(b"e").unwrap();
            assert_eq!(output.drain(), round * (full as u64 + 1));
        }
    }

    #[tokio::test]
    async fn the_first_listener_reads_the_recording_and_the_number_of_missing_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let ((out, mut to_out), (err, _to_err)) = (pipe().unwrap(), pipe().unwrap());
        let output = Output::start(folder.path(), out.into(), err.into(), Calls::new(1)).unwrap();
        let mut print = |text: &[u8]| {
            to_out.write_all(text).unwrap();
            output.drain()
        };
        print(b"before");
        let recording = output.record();
        print(b"at the start");
        let chunk = vec![b'.'; 1 << 14];
        let chunks = RECORDED / chunk.len() + 2;
        let end = (0..chunks).map(|_| print(&chunk)).max().unwrap();
        drop(recording);
        let after = print(b"after");

        let (position, _, mut first) = output.listen();
        assert_eq!(position, 6);
        let mut read = Vec::new();
        while read.last().is_none_or(|piece: &Piece| piece.position < end) {
            read.push(first.next().await);
        }
        assert_eq!(&read[0].bytes[..], b"at the start");
        let notice = String::from_utf8_lossy(&read[read.len() - 1].bytes).into_owned();
        let bytes: usize = read[..read.len() - 1]
            .iter()
            .map(|piece| piece.bytes.len())
            .sum();
        let missed = end as usize - 6 - bytes;
        assert!(
            missed > 0 && notice.contains(&format!("kt: {missed} more bytes")),
            "{notice}"
        );
        assert_eq!(output.listen().0, after, "the second listens from here on");
    }

    #[test]
    fn a_dropped_listener_is_removed_even_if_nothing_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let ((out, _to_out), (err, _to_err)) = (pipe().unwrap(), pipe().unwrap());
        let output = Output::start(folder.path(), out.into(), err.into(), Calls::new(1)).unwrap();
        let kept = output.listen();
        for _ in 0..100 {
            output.listen();
        }
        assert_eq!(lock(&output.shared).listeners.len(), 1);
        drop(kept);
        assert_eq!(lock(&output.shared).listeners.len(), 0);
    }

    #[test]
    fn a_drain_ends_although_another_thread_prints_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let ((out, mut to_out), (err, _to_err)) = (pipe().unwrap(), pipe().unwrap());
        let output = Output::start(folder.path(), out.into(), err.into(), Calls::new(1)).unwrap();
        let (stop, stopped) = std_mpsc::channel::<()>();
        let printing = thread::spawn(move || {
            let mut printed = 0;
            while stopped.try_recv() == Err(std_mpsc::TryRecvError::Empty) {
                to_out.write_all(&[b'o'; 4096]).unwrap();
                printed += 4096;
            }
            printed
        });
        for _ in 0..50 {
            output.drain();
        }
        drop(stop);
        assert_eq!(printing.join().unwrap(), output.drain());
    }
}
