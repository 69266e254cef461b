//! Where values are encoded and decoded, and how much of the stack that may take.

use std::{hint::black_box, io, ptr, thread};

use tokio::{runtime::Handle, sync::oneshot};

use super::CodecError;

/// The deepest nesting that is encoded or decoded. A deeper value would overflow the stack.
pub(crate) const DEPTH: usize = 10_000;
/// Stack of a thread that encodes or decodes, in bytes. It is only reserved: unoptimized code may
/// need some ten kilobytes per level.
pub const STACK: usize = 256 << 20;

/// Bytes that a thread encodes or decodes while others wait for it. More takes a thread of its own.
pub const SHORT: usize = 256 << 10;
/// Of a thread that others may use: how much of its stack encoding and decoding may take, bytes.
const SHARED_STACK: usize = 128 << 10;
/// Of a thread of its own: the rest is for what the type's own code calls at the deepest level.
const OWN_STACK: usize = STACK - (8 << 20);
/// Threads of their own at one time: each reserves [`STACK`] bytes of addresses.
const THREADS: usize = 64;

static PERMITS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(THREADS);

/// What the thread may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It runs tasks: neither for long nor deep.
    Task,
    /// It may be held for long, and has a stack like any other.
    Blocking,
    /// It was started by [`apart`] or [`apart_blocking`].
    Own,
}

impl Place {
    /// How many bytes may be encoded here, of a `limit`.
    pub(crate) fn bytes(self, limit: usize) -> usize {
        match self {
            Self::Task => limit.min(SHORT),
            Self::Blocking | Self::Own => limit,
        }
    }
}

/// How far the stack may grow from here.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    base: usize,
    allowed: usize,
    own: bool,
}

impl Stack {
    pub fn at(place: Place) -> Self {
        let own = place == Place::Own;
        Self {
            base: here(),
            allowed: if own { OWN_STACK } else { SHARED_STACK },
            own,
        }
    }

    /// As far as it goes: for a thread that was made for this.
    pub fn own() -> Self {
        Self::at(Place::Own)
    }

    /// # Errors
    /// If the stack has grown beyond what is allowed. A thread with a larger one can help unless this is one.
    pub fn check(&self) -> Result<(), CodecError> {
        if self.base.abs_diff(here()) <= self.allowed {
            return Ok(());
        }
        if self.own {
            return Err(CodecError::Invalid(
                "it is nested too deeply for a stack of 256 MiB".into(),
            ));
        }
        Err(CodecError::Elsewhere)
    }
}

/// About where the stack ends now.
#[inline(never)]
fn here() -> usize {
    let byte = 0_u8;
    ptr::from_ref(black_box(&byte)).addr()
}

/// Runs `work` on a thread of its own with a large stack, without holding up this one. A panic of `work` goes on here.
///
/// # Errors
/// If the system starts no thread.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CodecError> {
    // Never closed, so it never fails.
    let permit = PERMITS.acquire().await.ok();
    let (sender, receiver) = oneshot::channel();
    // Detached: who no longer waits does not wait for the thread either.
    start(move || {
        let _permit = permit;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let _ = sender.send(done);
    })?;
    match receiver.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => Err(CodecError::Invalid("its thread ended early".into())),
    }
}

/// [`apart`] for a thread that may be held.
///
/// # Errors
/// If the system starts no thread.
pub(crate) fn apart_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CodecError> {
    start(work)?
        .join()
        .map_or_else(|panic| std::panic::resume_unwind(panic), Ok)
}

fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, CodecError> {
    let runtime = Handle::try_current().ok();
    let started = thread::Builder::new()
        .name("kt-codec".into())
        .stack_size(STACK)
        .spawn(move || {
            let _entered = runtime.as_ref().map(Handle::enter);
            work()
        });
    started.map_err(|error: io::Error| {
        CodecError::Invalid(format!(
            "it requires a thread with a stack of {} MiB, which the system does not start: {error}",
            STACK >> 20
        ))
    })
}
