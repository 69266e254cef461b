//! A value on its way from one type to another: one thread encodes, another decodes what is there already, so that a large
//! value is in memory twice and no more.

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
    codec::format::{Decoder, Encoder, FormatError, Gone, Reader, STACK},
    fault::catch,
    state::{
        abilities::{Codec, Made, NotEncoded},
        descriptor::Migrate,
    },
    worker::Origin,
};

/// Pieces that wait between the two.
const PIECES: usize = 16;
/// How often it is looked whether anything moves.
const LOOK: Duration = Duration::from_millis(20);

/// Why a value did not get across.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) enum Stopped {
    /// Nothing moved for as long as patience lasts: a lock is held.
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

/// A value that lives for ever.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Source {
    pub(in crate::worker) codec: Codec,
    pub(in crate::worker) value: NonNull<()>,
}

// SAFETY: states are Sync, and this only reads one.
unsafe impl Send for Source {}

/// Where encoded bytes go, and whether they are still wanted.
type Piece = Vec<u8>;

enum Event {
    Encoded(Result<(), Stopped>),
    Decoded(Box<Result<Made, Stopped>>),
}

/// Encodes `source` and has `decode` make a value of it.
pub(in crate::worker) fn transfer(
    source: Source,
    decode: Migrate,
    patience: Duration,
    moved: &Arc<AtomicU64>,
) -> Result<Made, Stopped> {
    let (sender, receiver) = mpsc::sync_channel::<Piece>(PIECES);
    let (told, events) = mpsc::channel();
    let done = told.clone();
    let counter = Arc::clone(moved);
    on_a_thread(move || {
        let encoded = encode(source, patience, Reader::Program, &mut |piece| {
            counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
            sender.send(piece).map_err(|_| Gone)
        });
        let _ = done.send(Event::Encoded(encoded));
    })?;
    on_a_thread(move || {
        let made = decode_from(decode, &mut || receiver.recv().ok());
        // Who is encoding learns from it that nobody wants the rest.
        drop(receiver);
        let _ = told.send(Event::Decoded(Box::new(made)));
    })?;
    let (mut encoded, mut decoded) = (None, None);
    let mut watch = Watch::new(patience);
    loop {
        match events.recv_timeout(LOOK) {
            Ok(Event::Encoded(result)) => encoded = Some(result),
            Ok(Event::Decoded(result)) => decoded = Some(*result),
            Err(RecvTimeoutError::Timeout) if watch.is_stuck(moved) => return Err(Stopped::Stuck),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed("both of its threads are gone"));
            }
        }
        match (encoded.take(), decoded.take()) {
            (Some(Ok(())), Some(made)) => return made,
            // What is missing at the decoder's end is not its fault.
            (Some(Err(error)), Some(Err(other))) => {
                return Err(if error == unwanted() { other } else { error });
            }
            (Some(Err(error)), Some(Ok(_))) => return Err(error),
            rest => (encoded, decoded) = rest,
        }
    }
}

/// The encoding, a piece at a time.
pub(in crate::worker) fn pieces(
    source: Source,
    reader: Reader,
    patience: Duration,
) -> impl Iterator<Item = Result<Piece, Stopped>> {
    let (sender, receiver) = mpsc::sync_channel(PIECES);
    let failure = sender.clone();
    let started = on_a_thread(move || {
        let encoded = encode(source, patience, reader, &mut |piece| {
            sender.send(Ok(piece)).map_err(|_| Gone)
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
        match receiver.recv_timeout(patience + LOOK) {
            Ok(piece) => Some(piece),
            Err(RecvTimeoutError::Timeout) => Some(Err(Stopped::Stuck)),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    })
}

/// The whole encoding at once; `None` if it is longer than `limit` bytes.
pub(in crate::worker) fn encoded(
    source: Source,
    reader: Reader,
    patience: Duration,
    limit: usize,
) -> Result<Option<Vec<u8>>, Stopped> {
    let mut bytes = Vec::new();
    for piece in pieces(source, reader, patience) {
        bytes.extend_from_slice(&piece?);
        if bytes.len() > limit {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}

/// Makes a value of pieces that are there, on a thread with the stack that it may need.
pub(in crate::worker) fn decoded(
    decode: Migrate,
    mut more: impl FnMut() -> Option<Piece> + Send + 'static,
) -> Result<Made, Stopped> {
    let (told, done) = mpsc::channel();
    on_a_thread(move || {
        let _ = told.send(decode_from(decode, &mut more));
    })?;
    done.recv()
        .unwrap_or_else(|_| Err(failed("its thread is gone")))
}

/// The pieces, counted as they are taken.
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
    patience: Duration,
    reader: Reader,
    sink: &mut dyn FnMut(Piece) -> Result<(), Gone>,
) -> Result<(), Stopped> {
    let until = Instant::now() + patience;
    let encoded = catch(|| {
        let mut encoder = Encoder::new(reader, sink);
        // SAFETY: the registry pairs every value with the codec of its own type.
        unsafe { (source.codec.encode)(source.value, &mut encoder, until) }?;
        Ok::<_, NotEncoded>(encoder.finish()?)
    });
    match encoded {
        Ok(Ok(())) => Ok(()),
        Ok(Err(NotEncoded::Held)) => Err(Stopped::Stuck),
        Ok(Err(NotEncoded::Failed(error))) => Err(error.into()),
        Err(panic) => Err(failed(&format!(
            "its `Serialize` panicked: {}",
            panic.message
        ))),
    }
}

fn decode_from(decode: Migrate, more: &mut dyn FnMut() -> Option<Piece>) -> Result<Made, Stopped> {
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
    // What it calls must not wait at the gate, which is closed until it has ended.
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

/// What an encoder says when its decoder has failed.
fn unwanted() -> Stopped {
    failed("nobody wants the rest")
}

/// Sees whether bytes move.
struct Watch {
    patience: Duration,
    seen: u64,
    since: Instant,
}

impl Watch {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
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
        self.since.elapsed() > self.patience + LOOK
    }
}
