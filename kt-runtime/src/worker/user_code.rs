//! Runs the user's async code on threads that carry no connections, however long it computes.
//!
//! Moving each call to another thread would cost more than the rest of its processing. So the
//! connection's thread makes the first poll, in which most short functions complete, as long as
//! other threads remain that run no user code, and with [`Watch`] over the sockets. Otherwise, and
//! for a function whose first polls are not known to be short, a thread of the pool makes it, so
//! that functions which compute do not delay others. A pending future then continues in the user's
//! own runtime.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::JoinError};

use super::watch::{Running, Watch};
use crate::{
    quiet,
    runtime::{self, Task},
};

/// Larger requests, in bytes, do not run on the thread that read them. Reading much reopens the
/// peer's window, which wakes the connection: tokio keeps that task as the next one for this
/// thread, and no other thread can steal it.
const SHORT: usize = 64 << 10;

/// A first poll that takes longer would delay others too much: moving it costs a tenth of this.
const LONG: Duration = Duration::from_micros(200);

/// This many short polls make up for a long one.
const PROBATION: u32 = 16;

/// History of a function's first polls: how many more short ones it takes before the next one is
/// assumed to be short. Starts at one.
pub(super) struct Pace(AtomicU32);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU32::new(1))
    }
}

impl Pace {
    fn is_short(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        // Concurrent threads may count two polls as one, which is harmless. All threads read it, so
        // it is written rarely.
        let wanted = self.0.load(Ordering::Relaxed);
        match begun.elapsed() > LONG {
            true => self.0.store(PROBATION, Ordering::Relaxed),
            false if wanted > 0 => self.0.store(wanted - 1, Ordering::Relaxed),
            false => {}
        }
        done
    }
}

/// The user's runtime, and how many threads of the connections' runtime may run user code now.
pub(super) struct UserCode {
    runtime: Handle,
    free_threads: AtomicUsize,
    watch: Arc<Watch>,
}

impl UserCode {
    /// `free_threads`: how many threads of the connections' runtime may run user code at once.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn new(
        runtime: &Handle,
        connections: &Handle,
        free_threads: usize,
    ) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            runtime: runtime.clone(),
            free_threads: AtomicUsize::new(free_threads),
            watch: Watch::start(connections.clone())?,
        }))
    }

    /// The runtime that user code sees as `Handle::current()`.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs a future of the user's code whose request had `read` bytes. `pace` is the history of
    /// its function. Dropping the result drops that future, on the user's runtime.
    pub(super) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: usize,
        pace: Arc<Pace>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Run<T> {
        Run {
            user: Arc::clone(self),
            short: read <= SHORT,
            pace,
            stage: Stage::New(Box::pin(work)),
        }
    }

    /// Makes the first poll, on this thread if allowed and a slot is free.
    fn begin<T: Send + 'static>(
        self: &Arc<Self>,
        work: Work<T>,
        short: bool,
        pace: &Arc<Pace>,
    ) -> Stage<T> {
        if short
            && pace.is_short()
            && let Some(_slot) = self.enter()
        {
            let _entered = self.runtime.enter();
            return pace.measure(|| poll_first(&self.runtime, work));
        }
        let (runtime, pace) = (self.runtime.clone(), Arc::clone(pace));
        Stage::InPool(runtime::blocking_in(&self.runtime, move || {
            // As a task of the runtime: operations that are forbidden in a task, such as blocking
            // on a future, must fail here too.
            runtime.block_on(async { pace.measure(|| poll_first(&runtime, work)) })
        }))
    }

    /// Takes a slot on this thread, if one is free.
    fn enter(self: &Arc<Self>) -> Option<Slot> {
        let less = |free: usize| free.checked_sub(1);
        let taken = self
            .free_threads
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.ok().map(|_| Slot {
            user: Arc::clone(self),
            _running: self.watch.begin(),
        })
    }
}

struct Slot {
    user: Arc<UserCode>,
    _running: Running,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.user.free_threads.fetch_add(1, Ordering::AcqRel);
    }
}

/// A running future of the user's code.
pub(super) struct Run<T: 'static> {
    user: Arc<UserCode>,
    short: bool,
    pace: Arc<Pace>,
    stage: Stage<T>,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum Stage<T: 'static> {
    New(Work<T>),
    InPool(Task<Stage<T>>),
    Spawned(Task<T>),
    Ended(T),
    Done,
}

/// Polls a future once, and spawns it on the runtime if it is pending.
fn poll_first<T: Send + 'static>(runtime: &Handle, mut work: Work<T>) -> Stage<T> {
    // No wake-up is needed: the runtime polls it at once.
    let mut context = Context::from_waker(Waker::noop());
    match work.as_mut().poll(&mut context) {
        Poll::Ready(value) => Stage::Ended(value),
        Poll::Pending => Stage::Spawned(Task::of(runtime.spawn(work))),
    }
}

// Its contents are boxed, or not futures.
impl<T> Unpin for Run<T> {}

impl<T: Send + 'static> Future for Run<T> {
    /// Fails if dropping the future panicked, or if the process exits.
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::New(work) => quiet::aloud(|| self.user.begin(work, self.short, &self.pace)),
                Stage::InPool(mut task) => match Pin::new(&mut task).poll(context) {
                    Poll::Ready(Ok(stage)) => stage,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.stage = Stage::InPool(task);
                        return Poll::Pending;
                    }
                },
                Stage::Spawned(mut task) => {
                    let polled = Pin::new(&mut task).poll(context);
                    if polled.is_pending() {
                        self.stage = Stage::Spawned(task);
                    }
                    return polled;
                }
                Stage::Ended(value) => return Poll::Ready(Ok(value)),
                Stage::Done => unreachable!("a future is not polled after its end"),
            };
            self.stage = next;
        }
    }
}

impl<T: 'static> Drop for Run<T> {
    fn drop(&mut self) {
        // Arguments run user destructors too. A future that has begun is aborted with its task.
        if let Stage::New(work) = std::mem::replace(&mut self.stage, Stage::Done) {
            drop(self.user.runtime.spawn(async { drop(work) }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn threads(name: &str) -> Runtime {
        let mut builder = Builder::new_multi_thread();
        let threads = builder.worker_threads(2).thread_name(name).enable_all();
        threads.build().unwrap()
    }

    #[test]
    fn a_function_starts_on_connection_threads_once_it_is_known_to_be_short() {
        let (connections, users) = (threads("connections"), threads("users"));
        let user = UserCode::new(users.handle(), connections.handle(), 1).unwrap();
        let pace = Arc::new(Pace::default());
        // Whether the call began on the thread that read its request.
        let call = |computes: Duration| {
            let (user, pace) = (Arc::clone(&user), Arc::clone(&pace));
            let called = connections.spawn(async move {
                let work = async move {
                    let begun = Instant::now();
                    while begun.elapsed() < computes {
                        std::hint::spin_loop();
                    }
                    thread::current().name() == Some("connections")
                };
                user.run(1, pace, work).await.unwrap()
            });
            users.block_on(called).unwrap()
        };
        // On a busy machine a short poll may take long: then one more is needed.
        let becomes_short = |at_least: u32| {
            let in_pool = (0..1000).take_while(|_| !call(Duration::ZERO)).count();
            assert!((at_least..1000).contains(&(in_pool as u32)), "{in_pool}");
        };
        becomes_short(1);
        let (long, next) = (call(2 * LONG), call(Duration::ZERO));
        assert!(!next, "after a long one, which began here: {long}");
        becomes_short(PROBATION - 1);
    }

    #[test]
    fn operations_forbidden_in_a_task_fail_on_every_thread() {
        let (connections, users) = (threads("connections"), threads("users"));
        let user = UserCode::new(users.handle(), connections.handle(), 1).unwrap();
        let pace = Arc::new(Pace::default());
        for _ in 0..3 {
            let (user, pace) = (Arc::clone(&user), Arc::clone(&pace));
            let called = connections.spawn(async move {
                let nested = || Handle::current().block_on(async {});
                let work = async move { std::panic::catch_unwind(nested).is_err() };
                user.run(1, pace, work).await.unwrap()
            });
            assert!(users.block_on(called).unwrap());
        }
    }
}
