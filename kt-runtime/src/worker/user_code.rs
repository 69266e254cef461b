//! Where the user's async code runs: on threads that are not the ones which carry connections, however long it computes.
//!
//! To hand each call over to another thread would cost more than all the rest that is done for it. So the first poll, which
//! most short functions end in, happens on the connections' threads after all, as long as that leaves threads which run no
//! user code. What is not ready then, and what finds no room, goes over to the user's own runtime.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
};

use crate::quiet;

/// The user's runtime, and how many threads of the other one its code may take at this moment.
pub(super) struct UserCode {
    runtime: Handle,
    room: AtomicUsize,
}

impl UserCode {
    /// `room`: how many threads of the connections' runtime may run user code at once.
    pub(super) fn new(runtime: Handle, room: usize) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            room: AtomicUsize::new(room),
        })
    }

    /// What the user's code finds as `Handle::current()`.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs a future of the user's. Dropping the result drops that future, on the user's runtime.
    pub(super) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Run<T> {
        Run {
            user: Arc::clone(self),
            stage: Stage::New(Box::pin(work)),
        }
    }

    /// Makes the first poll here if there is room.
    fn begin<T: Send + 'static>(
        self: &Arc<Self>,
        mut work: Work<T>,
        context: &mut Context<'_>,
    ) -> Begun<T> {
        if let Some(_room) = self.enter() {
            let _entered = self.runtime.enter();
            if let Poll::Ready(value) = work.as_mut().poll(context) {
                drop(work);
                return Begun::Ended(value);
            }
        }
        Begun::Spawned(self.runtime.spawn(work))
    }

    /// Room on this thread, if there is some.
    fn enter(self: &Arc<Self>) -> Option<Room> {
        let less = |room: usize| room.checked_sub(1);
        let taken = self
            .room
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.ok().map(|_| Room(Arc::clone(self)))
    }
}

struct Room(Arc<UserCode>);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.room.fetch_add(1, Ordering::AcqRel);
    }
}

/// A future of the user's under way.
pub(super) struct Run<T: 'static> {
    user: Arc<UserCode>,
    stage: Stage<T>,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum Begun<T> {
    Ended(T),
    Spawned(JoinHandle<T>),
}

enum Stage<T: 'static> {
    New(Work<T>),
    Spawned(JoinHandle<T>),
    Done,
}

impl<T: Send + 'static> Future for Run<T> {
    /// An error is a panic while the future was dropped, or the end of the process.
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut task = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(work) => match quiet::aloud(|| self.user.begin(work, context)) {
                Begun::Ended(value) => return Poll::Ready(Ok(value)),
                Begun::Spawned(task) => task,
            },
            Stage::Spawned(task) => task,
            Stage::Done => unreachable!("a future is not polled after its end"),
        };
        let polled = Pin::new(&mut task).poll(context);
        if polled.is_pending() {
            self.stage = Stage::Spawned(task);
        }
        polled
    }
}

impl<T: 'static> Drop for Run<T> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            // Arguments have destructors of the user's too.
            Stage::New(work) => drop(self.user.runtime.spawn(async { drop(work) })),
            Stage::Spawned(task) => task.abort(),
            Stage::Done => {}
        }
    }
}
