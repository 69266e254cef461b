//! Where the user's async code runs: on threads that are not the ones which carry connections, however long it computes.
//!
//! To hand each call over to another thread would cost more than all the rest that is done for it. So the first poll, in which
//! most short functions end, happens on the connections' threads after all, as long as that leaves threads which run no user
//! code, and with [`Watch`] over the sockets. Where it does not, and for a function whose first polls are not known to be short, a
//! thread of the pool makes it, so that functions which compute do not keep others from beginning.
//! What is not ready then goes on in the user's own runtime.

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

/// Requests of more bytes do not run on the thread that read them. To read much opens the peer's window again, which wakes the
/// connection: it would be the task that tokio keeps for this thread to run next, and no other thread can take that one.
const SHORT: usize = 64 << 10;

/// A first poll that takes longer than this is not worth the risk for others: to hand it over costs a tenth of it.
const LONG: Duration = Duration::from_micros(200);

/// So many short ones make up for a long one.
const PROBATION: u32 = 16;

/// How a function's first polls have been: how many short ones are wanted before the next one is taken for short. One at least.
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
        // Threads that measure at once may count one for two, which is no matter. All read it, so it is written as seldom as can be.
        let wanted = self.0.load(Ordering::Relaxed);
        match begun.elapsed() > LONG {
            true => self.0.store(PROBATION, Ordering::Relaxed),
            false if wanted > 0 => self.0.store(wanted - 1, Ordering::Relaxed),
            false => {}
        }
        done
    }
}

/// The user's runtime, and how many threads of the other one its code may take at this moment.
pub(super) struct UserCode {
    runtime: Handle,
    room: AtomicUsize,
    watch: Arc<Watch>,
}

impl UserCode {
    /// `room`: how many threads of the connections' runtime may run user code at once.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(super) fn new(
        runtime: &Handle,
        connections: &Handle,
        room: usize,
    ) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            runtime: runtime.clone(),
            room: AtomicUsize::new(room),
            watch: Watch::start(connections.clone())?,
        }))
    }

    /// What the user's code finds as `Handle::current()`.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs a future of the user's, for which a request of `read` bytes was read. `pace` is what is known of its function. Dropping
    /// the result drops that future, on the user's runtime.
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

    /// Makes the first poll, on this thread if it may be and there is room.
    fn begin<T: Send + 'static>(
        self: &Arc<Self>,
        work: Work<T>,
        short: bool,
        pace: &Arc<Pace>,
    ) -> Stage<T> {
        if short
            && pace.is_short()
            && let Some(_room) = self.enter()
        {
            let _entered = self.runtime.enter();
            return pace.measure(|| poll_first(&self.runtime, work));
        }
        let (runtime, pace) = (self.runtime.clone(), Arc::clone(pace));
        Stage::InPool(runtime::blocking_in(&self.runtime, move || {
            // As a task of it: what must not be done in one, such as to block on another future, fails here as it does there.
            runtime.block_on(async { pace.measure(|| poll_first(&runtime, work)) })
        }))
    }

    /// Room on this thread, if there is some.
    fn enter(self: &Arc<Self>) -> Option<Room> {
        let less = |room: usize| room.checked_sub(1);
        let taken = self
            .room
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.ok().map(|_| Room {
            user: Arc::clone(self),
            _running: self.watch.begin(),
        })
    }
}

struct Room {
    user: Arc<UserCode>,
    _running: Running,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.user.room.fetch_add(1, Ordering::AcqRel);
    }
}

/// A future of the user's under way.
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

/// Polls a future once, and gives it to the runtime if it is not ready.
fn poll_first<T: Send + 'static>(runtime: &Handle, mut work: Work<T>) -> Stage<T> {
    // Nobody is woken: the runtime polls it at once.
    let mut context = Context::from_waker(Waker::noop());
    match work.as_mut().poll(&mut context) {
        Poll::Ready(value) => Stage::Ended(value),
        Poll::Pending => Stage::Spawned(Task::of(runtime.spawn(work))),
    }
}

// What it holds is boxed, or no future.
impl<T> Unpin for Run<T> {}

impl<T: Send + 'static> Future for Run<T> {
    /// An error is a panic while the future was dropped, or the end of the process.
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
        // Arguments have destructors of the user's too. What has begun is aborted with its task.
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
    fn a_function_begins_on_the_connections_threads_once_it_is_known_to_be_short() {
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
        // A machine that is busy may make a short one long: then it takes one more of them.
        let becomes_short = |at_least: u32| {
            let elsewhere = (0..1000).take_while(|_| !call(Duration::ZERO)).count();
            assert!(
                (at_least..1000).contains(&(elsewhere as u32)),
                "{elsewhere}"
            );
        };
        becomes_short(1);
        let (long, next) = (call(2 * LONG), call(Duration::ZERO));
        assert!(!next, "after a long one, which began here: {long}");
        becomes_short(PROBATION - 1);
    }

    #[test]
    fn what_fails_in_a_task_fails_wherever_a_function_begins() {
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
