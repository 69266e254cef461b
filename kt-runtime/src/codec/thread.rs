//! Which threads encode and decode values, and how much stack they may use.

use std::{hint::black_box, io, ptr, thread};

use tokio::{runtime::Handle, sync::oneshot};

use super::CodecError;

/// The deepest nesting that is encoded or decoded. A deeper value would overflow the stack.
pub(crate) const DEPTH: usize = 10_000;
/// Stack of a thread that encodes or decodes, in bytes. It is only reserved: unoptimized code may
/// need some ten kilobytes per level.
pub const STACK: usize = 256 << 20;

/// Limit of what a shared thread encodes or decodes, in bytes. A longer value requires its own
/// thread.
pub const SHORT: usize = 256 << 10;
/// Limit of the stack that encoding and decoding may use on a shared thread, in bytes.
const SHARED_STACK: usize = 128 << 10;
/// The same on an own thread. The rest is for what the type's code calls at the deepest level.
const OWN_STACK: usize = STACK - (8 << 20);
/// Limit of concurrent own threads: each reserves [`STACK`] bytes of address space.
const THREADS: usize = 64;

static PERMITS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(THREADS);

/// The kind of a thread that encodes or decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadKind {
    /// It runs tasks: only short and shallow values.
    Task,
    /// It may block, and has a stack of the usual size.
    Blocking,
    /// It was started by [`on_own_thread`] or [`on_own_thread_blocking`] for one value.
    Own,
}

impl ThreadKind {
    /// How many bytes it may encode, of a `limit`.
    pub(crate) fn bytes(self, limit: usize) -> usize {
        match self {
            Self::Task => limit.min(SHORT),
            Self::Blocking | Self::Own => limit,
        }
    }
}

/// How far the stack may grow from a base.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    base: usize,
    allowed: usize,
    own: bool,
}

impl Stack {
    pub fn on(kind: ThreadKind) -> Self {
        let own = kind == ThreadKind::Own;
        Self {
            base: here(),
            allowed: if own { OWN_STACK } else { SHARED_STACK },
            own,
        }
    }

    /// For an own thread.
    pub fn own() -> Self {
        Self::on(ThreadKind::Own)
    }

    /// # Errors
    /// If the stack has grown beyond the limit: [`CodecError::NeedsOwnThread`] unless this is one.
    pub fn check(&self) -> Result<(), CodecError> {
        if self.base.abs_diff(here()) <= self.allowed {
            return Ok(());
        }
        if self.own {
            return Err(CodecError::Invalid(
                "it is nested too deeply for a stack of 256 MiB".into(),
            ));
        }
        Err(CodecError::NeedsOwnThread)
    }
}

/// The approximate end of the stack.
#[inline(never)]
fn here() -> usize {
    let byte = 0_u8;
    ptr::from_ref(black_box(&byte)).addr()
}

/// Runs `work` on its own thread with a large stack, without blocking this one. A panic of `work`
/// is resumed here.
///
/// # Errors
/// If no thread can be started.
pub(crate) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CodecError> {
    // Never closed, so it never fails.
    let permit = PERMITS.acquire().await.ok();
    let (sender, receiver) = oneshot::channel();
    // Detached: a caller that no longer waits does not wait for the thread.
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

/// [`on_own_thread`] for a caller that may block.
///
/// # Errors
/// If no thread can be started.
pub(crate) fn on_own_thread_blocking<T: Send + 'static>(
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
            "it requires a thread with a stack of {} MiB, which failed to start: {error}",
            STACK >> 20
        ))
    })
}
