//! The bounded queue of output for one driver that reads it. Dropped bytes are counted and reported
//! in their place.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    sync::{Instant, Mutex, MutexGuard, Notify, Thread},
    wire::data::{BreakpointReached, Stream},
};

/// Bytes that one driver's queue holds before the pipes stay full. A process that prints then
/// blocks, as with any slow reader.
pub(super) const BACKLOG: usize = 16 << 20;

/// A piece of output.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) stream: Stream,
    /// Position after this piece.
    pub(super) position: u64,
    /// The log's position after this piece.
    pub(super) logged: u64,
    pub(super) bytes: Bytes,
    /// The breakpoint that the preceding bytes announced.
    pub(super) breakpoint: Option<Arc<BreakpointReached>>,
}

/// The worker's end of one driver's backlog.
pub(super) struct Sink(Arc<Shared>);

/// The end that the driver's connection reads.
pub(super) struct Taker {
    shared: Arc<Shared>,
    /// Waits for free space.
    printer: Thread,
}

struct Shared {
    backlog: Mutex<Backlog>,
    filled: Notify,
    /// How long a driver may read nothing before printing stops waiting for it.
    stopped: Duration,
}

struct Backlog {
    queue: VecDeque<Entry>,
    /// Total of all pieces in the queue.
    bytes: usize,
    /// When the driver last took a piece, or the backlog was last below its limit.
    moved: Instant,
    closed: bool,
}

enum Entry {
    Piece(Piece),
    /// Bytes of a stream that were dropped here.
    Gap {
        stream: Stream,
        position: u64,
        logged: u64,
        bytes: u64,
    },
}

/// Both ends of an empty backlog. `printer` is woken when space becomes free.
pub(super) fn channel(printer: Thread, stopped: Duration) -> (Sink, Taker) {
    let shared = Arc::new(Shared {
        backlog: Mutex::new(Backlog {
            queue: VecDeque::new(),
            bytes: 0,
            moved: Instant::now(),
            closed: false,
        }),
        filled: Notify::new(),
        stopped,
    });
    (Sink(shared.clone()), Taker { shared, printer })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    pub(super) fn is_open(&self) -> bool {
        !self.0.lock().closed
    }

    /// How long printing waits for this driver at most. `None` while the driver keeps up, or once
    /// it has read nothing for too long.
    pub(super) fn wait(&self) -> Option<Duration> {
        let backlog = self.0.lock();
        if backlog.closed || backlog.bytes <= BACKLOG {
            return None;
        }
        self.0
            .stopped
            .checked_sub(backlog.moved.elapsed())
            .filter(|left| !left.is_zero())
    }

    /// Returns false if the driver no longer reads. Bytes beyond the limit are dropped and counted:
    /// call [`wait`](Self::wait) first.
    pub(super) fn give(&self, piece: Piece) -> bool {
        let mut backlog = self.0.lock();
        if backlog.closed {
            return false;
        }
        if backlog.bytes <= BACKLOG {
            if backlog.queue.is_empty() {
                backlog.moved = Instant::now();
            }
            backlog.bytes += piece.bytes.len();
            backlog.queue.push_back(Entry::Piece(piece));
        } else if !piece.bytes.is_empty() {
            backlog.miss(piece);
        }
        drop(backlog);
        self.0.filled.notify_one();
        true
    }
}

impl Backlog {
    /// Counts a piece that was dropped. Its position is still sent: the driver waits for that
    /// position.
    fn miss(&mut self, piece: Piece) {
        let missed = piece.bytes.len() as u64;
        // Only the last two entries can be gaps: one for each stream.
        for entry in self.queue.iter_mut().rev().take(2) {
            match entry {
                Entry::Gap {
                    stream,
                    position,
                    logged,
                    bytes,
                } if *stream == piece.stream => {
                    (*position, *logged) = (piece.position, piece.logged);
                    *bytes += missed;
                    return;
                }
                Entry::Gap { .. } => {}
                Entry::Piece(_) => break,
            }
        }
        self.queue.push_back(Entry::Gap {
            stream: piece.stream,
            position: piece.position,
            logged: piece.logged,
            bytes: missed,
        });
    }
}

impl Taker {
    /// Waits for the next piece. A gap becomes a piece whose text reports its size.
    pub(super) async fn next(&mut self) -> Piece {
        loop {
            if let Some(piece) = self.take() {
                return piece;
            }
            self.shared.filled.notified().await;
        }
    }

    /// Reads no more: printing never waits for this driver again.
    pub(super) fn close(&self) {
        let mut backlog = self.shared.lock();
        backlog.closed = true;
        backlog.queue.clear();
        drop(backlog);
        self.printer.unpark();
    }

    fn take(&self) -> Option<Piece> {
        let mut backlog = self.shared.lock();
        let entry = backlog.queue.pop_front()?;
        let before = backlog.bytes;
        backlog.moved = Instant::now();
        let piece = match entry {
            Entry::Piece(piece) => {
                backlog.bytes -= piece.bytes.len();
                piece
            }
            Entry::Gap {
                stream,
                position,
                logged,
                bytes,
            } => Piece {
                stream,
                position,
                logged,
                bytes: notice(bytes, self.shared.stopped).into(),
                breakpoint: None,
            },
        };
        if before > BACKLOG && backlog.bytes <= BACKLOG {
            self.printer.unpark();
        }
        Some(piece)
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.close();
    }
}

fn notice(bytes: u64, stopped: Duration) -> String {
    format!(
        "\n[kt: {bytes} bytes of output dropped: this program read none for {} s]\n",
        stopped.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const STOPPED: Duration = Duration::from_secs(3600);

    fn piece(stream: Stream, position: u64, bytes: usize) -> Piece {
        Piece {
            stream,
            position,
            logged: position,
            bytes: vec![b'.'; bytes].into(),
            breakpoint: None,
        }
    }

    #[test]
    fn printing_waits_for_a_driver_that_is_behind_until_it_takes_something() {
        let (sink, taker) = channel(thread::current(), STOPPED);
        assert!(sink.give(piece(Stream::Stdout, 1, BACKLOG)));
        assert_eq!(sink.wait(), None);
        assert!(sink.give(piece(Stream::Stdout, 2, 1)));
        assert!(sink.wait().is_some_and(|wait| wait <= STOPPED));
        taker.take().unwrap();
        assert_eq!(sink.wait(), None);
    }

    #[test]
    fn printing_does_not_wait_for_a_driver_that_reads_nothing_or_has_disconnected() {
        let (sink, taker) = channel(thread::current(), Duration::ZERO);
        assert!(sink.give(piece(Stream::Stdout, 1, BACKLOG + 1)));
        assert_eq!(sink.wait(), None);
        drop(taker);
        assert!(!sink.give(piece(Stream::Stdout, 2, 1)));
        let (sink, taker) = channel(thread::current(), STOPPED);
        assert!(sink.give(piece(Stream::Stdout, 1, BACKLOG + 1)));
        drop(taker);
        assert_eq!(sink.wait(), None);
    }

    #[tokio::test]
    async fn dropped_bytes_are_counted_per_stream_in_their_place() {
        let (sink, mut taker) = channel(thread::current(), STOPPED);
        assert!(sink.give(piece(Stream::Stdout, 1, BACKLOG + 1)));
        for position in 2..12 {
            let stream = [Stream::Stdout, Stream::Stderr][position as usize % 2];
            assert!(sink.give(piece(stream, position, 100)));
        }
        assert_eq!(taker.next().await.position, 1);
        assert!(sink.give(piece(Stream::Stdout, 12, 7)));
        for (stream, position) in [(Stream::Stdout, 10), (Stream::Stderr, 11)] {
            let gap = taker.next().await;
            assert_eq!((gap.stream, gap.position), (stream, position));
            let text = String::from_utf8(gap.bytes.to_vec()).unwrap();
            assert!(
                text.starts_with("\n[kt: 500 bytes of output dropped"),
                "{text}"
            );
        }
        assert_eq!(taker.next().await.bytes.len(), 7);
        assert!(taker.take().is_none());
    }
}
