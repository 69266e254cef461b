//! Converts a value from one type to another. One thread encodes while another decodes, so that a
//! large value is in memory at most twice.

use std::{
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    codec::format::{Decoder, Encoder, FormatError, Reader, STACK, SinkClosed},
    fault::catch,
    state::{
        descriptor::Migrate,
        vtable::{BoxedValue, Codec, NotEncoded},
    },
    worker::Origin,
};

/// Limit of pieces in the channel between the two threads.
const PIECES: usize = 16;
/// How often to check for progress.
const POLL: Duration = Duration::from_millis(20);

/// Why a transfer failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) enum Stopped {
    /// No progress until the timeout: a lock is held.
    Stuck,
    Failed {
        path: String,
        reason: String,
    },
}

impl From<FormatError> for Stopped {
    fn from(error: FormatError) -> Self {
        Self::Failed {
            path: error.path(),
            reason: error.reason().to_owned(),
        }
    }
}

/// A value that is never freed.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Source {
    pub(in crate::worker) codec: Codec,
    pub(in crate::worker) value: NonNull<()>,
}

// SAFETY: states are Sync, and this only reads one.
unsafe impl Send for Source {}

/// Some encoded bytes.
type Piece = Vec<u8>;

enum Event {
    Encoded(Result<(), Stopped>),
    Decoded(Box<Result<BoxedValue, Stopped>>),
}

/// Encodes `source` and creates a value from it with `decode`.
pub(in crate::worker) fn transfer(
    source: Source,
    decode: Migrate,
    timeout: Duration,
    moved: &Arc<AtomicU64>,
) -> Result<BoxedValue, Stopped> {
    let (sender, receiver) = mpsc::sync_channel::<Piece>(PIECES);
    let (event_sender, events) = mpsc::channel();
    let encoded_events = event_sender.clone();
    let counter = Arc::clone(moved);
    on_a_thread(move || {
        let encoded = encode(source, timeout, Reader::Program, &mut |piece| {
            counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
            sender.send(piece).map_err(|_| SinkClosed)
        });
        let _ = encoded_events.send(Event::Encoded(encoded));
    })?;
    on_a_thread(move || {
        let made = decode_from(decode, &mut || receiver.recv().ok());
        // The encoder's next send fails, so it stops.
        drop(receiver);
        let _ = event_sender.send(Event::Decoded(Box::new(made)));
    })?;
    let (mut encoded, mut decoded) = (None, None);
    let mut watch = Watch::new(timeout);
    loop {
        match events.recv_timeout(POLL) {
            Ok(Event::Encoded(result)) => encoded = Some(result),
            Ok(Event::Decoded(result)) => decoded = Some(*result),
            Err(RecvTimeoutError::Timeout) if watch.is_stuck(moved) => return Err(Stopped::Stuck),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed("both threads exited without a result"));
            }
        }
        match (encoded.take(), decoded.take()) {
            (Some(Ok(())), Some(made)) => return made,
            // The decoder fails because the encoder stopped: report the encoder's error.
            (Some(Err(error)), Some(Err(other))) => {
                return Err(if error == receiver_closed() {
                    other
                } else {
                    error
                });
            }
            (Some(Err(error)), Some(Ok(_))) => return Err(error),
            rest => (encoded, decoded) = rest,
        }
    }
}

/// The encoded value, one piece at a time.
pub(in crate::worker) fn pieces(
    source: Source,
    reader: Reader,
    timeout: Duration,
) -> impl Iterator<Item = Result<Piece, Stopped>> {
    let (sender, receiver) = mpsc::sync_channel(PIECES);
    let failure = sender.clone();
    let started = on_a_thread(move || {
        let encoded = encode(source, timeout, reader, &mut |piece| {
            sender.send(Ok(piece)).map_err(|_| SinkClosed)
        });
        if let Err(stopped) = encoded {
            let _ = failure.send(Err(stopped));
        }
    });
    let mut failed = started.err();
    std::iter::from_fn(move || {
        if let Some(stopped) = failed.take() {
            return Some(Err(stopped));
        }
        match receiver.recv_timeout(timeout + POLL) {
            Ok(piece) => Some(piece),
            Err(RecvTimeoutError::Timeout) => Some(Err(Stopped::Stuck)),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    })
}

/// The whole encoded value; `None` if it is longer than `limit` bytes.
pub(in crate::worker) fn encoded(
    source: Source,
    reader: Reader,
    timeout: Duration,
    limit: usize,
) -> Result<Option<Vec<u8>>, Stopped> {
    let mut bytes = Vec::new();
    for piece in pieces(source, reader, timeout) {
        bytes.extend_from_slice(&piece?);
        if bytes.len() > limit {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}

/// Creates a value from existing pieces, on a thread with a stack that is large enough.
pub(in crate::worker) fn decoded(
    decode: Migrate,
    mut more: impl FnMut() -> Option<Piece> + Send + 'static,
) -> Result<BoxedValue, Stopped> {
    let (sender, done) = mpsc::channel();
    on_a_thread(move || {
        let _ = sender.send(decode_from(decode, &mut more));
    })?;
    done.recv()
        .unwrap_or_else(|_| Err(failed("the decoder thread exited without a result")))
}

/// The pieces, counted as they are read.
pub(in crate::worker) fn counted(
    mut more: impl FnMut() -> Option<Piece> + Send,
    count: Arc<AtomicU64>,
) -> impl FnMut() -> Option<Piece> + Send {
    move || {
        let piece = more()?;
        count.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Some(piece)
    }
}

/// Encodes on this thread.
fn encode(
    source: Source,
    timeout: Duration,
    reader: Reader,
    sink: &mut dyn FnMut(Piece) -> Result<(), SinkClosed>,
) -> Result<(), Stopped> {
    let until = Instant::now() + timeout;
    let encoded = catch(|| {
        let mut encoder = Encoder::new(reader, sink);
        // SAFETY: the registry pairs every value with the codec of its own type.
        unsafe { (source.codec.encode)(source.value, &mut encoder, until) }?;
        Ok::<_, NotEncoded>(encoder.finish()?)
    });
    match encoded {
        Ok(Ok(())) => Ok(()),
        Ok(Err(NotEncoded::Locked)) => Err(Stopped::Stuck),
        Ok(Err(NotEncoded::Failed(error))) => Err(error.into()),
        Err(panic) => Err(failed(&format!(
            "its `Serialize` panicked: {}",
            panic.message
        ))),
    }
}

fn decode_from(
    decode: Migrate,
    more: &mut dyn FnMut() -> Option<Piece>,
) -> Result<BoxedValue, Stopped> {
    let decoded = catch(|| {
        let mut decoder = Decoder::new(Reader::Program, more);
        let made = decode(&mut decoder)?;
        decoder.end()?;
        Ok::<_, FormatError>(made)
    });
    match decoded {
        Ok(made) => Ok(made?),
        Err(panic) => Err(failed(&format!(
            "its `Deserialize` panicked: {}",
            panic.message
        ))),
    }
}

fn on_a_thread(work: impl FnOnce() + Send + 'static) -> Result<(), Stopped> {
    let thread = thread::Builder::new()
        .name("kt-state".into())
        .stack_size(STACK);
    // Its calls must not wait at the gate, which is closed until it has ended.
    let started = thread.spawn(|| Origin::Driver.scope(work));
    started
        .map(drop)
        .map_err(|error| failed(&format!("no thread could be started for it: {error}")))
}

fn failed(reason: &str) -> Stopped {
    Stopped::Failed {
        path: String::new(),
        reason: reason.to_owned(),
    }
}

/// The encoder's error after its decoder has failed.
fn receiver_closed() -> Stopped {
    failed("the decoder stopped early")
}

/// Detects a lack of progress.
struct Watch {
    timeout: Duration,
    seen: u64,
    since: Instant,
}

impl Watch {
    fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            seen: 0,
            since: Instant::now(),
        }
    }

    fn is_stuck(&mut self, moved: &AtomicU64) -> bool {
        let now = moved.load(Ordering::Relaxed);
        if now != self.seen {
            self.seen = now;
            self.since = Instant::now();
        }
        self.since.elapsed() > self.timeout + POLL
    }
}
