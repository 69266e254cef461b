//! Chooses the tokio runtime for each task: the caller's if there is one, which avoids switching
//! threads; otherwise kt's own.

mod drivers;

use std::{
    pin::Pin,
    sync::{OnceLock, mpsc},
    task::{Context, Poll},
    thread,
};

use tokio::{
    runtime::{Builder, Handle, Runtime, RuntimeFlavor},
    task::{self, JoinError, JoinHandle},
};

pub(crate) use self::drivers::Needs;

/// The runtime for callers without one. A single thread suffices: it only carries connections and
/// async functions called in place.
fn own() -> &'static Runtime {
    static OWN: OnceLock<Runtime> = OnceLock::new();
    OWN.get_or_init(|| {
        let built = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kt")
            .thread_stack_size(stack_size())
            .enable_all()
            .build();
        built.unwrap_or_else(|error| {
            panic!("kt failed to start a thread for its connection: {error}")
        })
    })
}

/// Threads for synchronous functions, created by the worker. Separate from the runtime's blocking
/// threads, so that thousands of waiting calls never exhaust those that the user's code relies on.
static POOL: OnceLock<Runtime> = OnceLock::new();

#[cfg(any(kt, feature = "host"))]
/// Starts the pool of at most `threads`.
pub(crate) fn start_pool(threads: usize) -> std::io::Result<()> {
    let pool = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(threads)
        .thread_name("kt-call")
        .thread_stack_size(stack_size())
        .build()?;
    // A second call keeps the first one's pool.
    let _ = POOL.set(pool);
    Ok(())
}

/// Runs `work` on a thread that may block, with the caller's runtime as `Handle::current()`.
pub(crate) fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    blocking_in(&Handle::current(), work)
}

/// Like [`blocking`], inside another runtime.
pub(crate) fn blocking_in<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Task<T> {
    let Some(pool) = POOL.get() else {
        return Task(runtime.spawn_blocking(work));
    };
    let runtime = runtime.clone();
    Task(pool.spawn_blocking(move || {
        let _entered = runtime.enter();
        work()
    }))
}

/// The default stack size of a main thread: a function that works in `main` must also work on a
/// pool thread.
const STACK: usize = 8 << 20;

/// Stack size in bytes of each thread that may run user code: `RUST_MIN_STACK`, as for std's
/// threads, if set. It is only address space until it is used.
pub(crate) fn stack_size() -> usize {
    let requested = std::env::var("RUST_MIN_STACK").ok();
    requested
        .and_then(|requested| requested.parse().ok())
        .unwrap_or(STACK)
}

/// A future on the caller's runtime, or on kt's own if there is none or it lacks what the future
/// needs. The first poll decides.
pub(crate) struct Entered<T: Send + 'static>(Stage<T>);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum Stage<T: Send + 'static> {
    New(Needs, Boxed<T>),
    Here(Boxed<T>),
    OnOurOwn(Task<T>),
    Done,
}

impl<T: Send + 'static> Entered<T> {
    pub(crate) fn new(needs: Needs, future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Stage::New(needs, Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Entered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Stage::New(needs, _) = self.0
            && let Stage::New(_, future) = std::mem::replace(&mut self.0, Stage::Done)
        {
            let here = Handle::try_current().is_ok_and(|current| drivers::has(&current, needs));
            self.0 = match here {
                true => Stage::Here(future),
                false => Stage::OnOurOwn(Task(own().spawn(future))),
            };
        }
        match &mut self.0 {
            Stage::Here(future) => future.as_mut().poll(context),
            Stage::OnOurOwn(task) => Pin::new(task).poll(context).map(|ended| match ended {
                Ok(value) => value,
                // kt's own runtime never shuts down, and only this task's drop aborts it.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }),
            Stage::New(..) | Stage::Done => unreachable!("the stage was left above"),
        }
    }
}

/// Waits for `future` on this thread, inside or outside of a runtime.
pub(crate) fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let Ok(current) = Handle::try_current() else {
        return own().block_on(future);
    };
    if current.runtime_flavor() == RuntimeFlavor::MultiThread {
        return task::block_in_place(|| current.block_on(future));
    }
    // This thread is the only one of the caller's runtime, and it is about to block: run the future
    // on another thread.
    let (sender, receiver) = mpsc::sync_channel(1);
    own().spawn(async move { sender.send(future.await) });
    match receiver.recv() {
        Ok(value) => value,
        Err(_) => panic!(
            "the thread that carries kt's connection panicked (seen from {:?})",
            thread::current().id()
        ),
    }
}

/// A task that is aborted on drop.
pub(crate) struct Task<T>(JoinHandle<T>);

#[cfg(any(kt, feature = "host"))]
impl<T> Task<T> {
    pub(crate) fn of(handle: JoinHandle<T>) -> Self {
        Self(handle)
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
