//! A call at a [`breakpoint!`](crate::breakpoint): it waits for a debugger, and nothing else does.

mod call;
mod queue;
mod text;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task,
};

pub(super) use self::call::Called;
use self::{
    queue::{Queue, Turn},
    text::{Passed, Stopped},
};
use super::Worker;
use crate::debugger;

/// How often a waiting call looks for its debugger. The kernel tells nobody that one attached.
const LOOK: Duration = Duration::from_millis(20);

/// How long tokio may take to give the tasks of a thread that blocks to another one. It says nothing when it has, and a thread
/// that stops before keeps them.
const HANDOVER: Duration = Duration::from_millis(5);

/// The place of a breakpoint in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) function: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// What the worker knows of its breakpoints.
#[derive(Default)]
pub(super) struct Breakpoints {
    queue: Queue,
    /// So many more pass without a stop.
    ignored: AtomicU64,
}

impl Breakpoints {
    /// Lets the next breakpoints pass, so many of them.
    pub(super) fn ignore(&self, count: u64) {
        self.ignored.store(count, Ordering::Relaxed);
    }

    fn is_ignored(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.ignored
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

impl Worker {
    /// Whether the calling thread shall stop: it has a debugger, for which it may have waited here.
    pub(crate) fn breakpoint(&self, location: &Location) -> bool {
        // Only a debugger says how many.
        if self.breakpoints.is_ignored() {
            return false;
        }
        let begun = Instant::now();
        blocking(|| {
            let stops = self.wait_for_debugger(location, begun);
            if stops {
                thread::sleep(HANDOVER.saturating_sub(begun.elapsed()));
            }
            stops
        })
    }

    /// The call that stopped goes on: the next one's turn.
    pub(crate) fn breakpoint_passed(&self) {
        self.breakpoints.queue.leave();
    }

    fn wait_for_debugger(&self, location: &Location, begun: Instant) -> bool {
        let limit = Duration::from_millis(self.config.breakpoint_timeout_ms);
        let queue = &self.breakpoints.queue;
        let is_over = || begun.elapsed() >= limit && !debugger::traces_this_thread();
        if queue.enter(is_over) == Turn::Released {
            return false;
        }
        if debugger::traces_this_thread() {
            queue.attached();
            return true;
        }
        if queue.release_if_detached() {
            return false;
        }
        let call = call::current();
        let stopped = Stopped {
            location,
            service: &self.config.service,
            call,
            limit,
            holds_runtime: holds_runtime(),
        };
        self.output
            .announce(&stopped.to_string(), stopped.reached());
        let passed = loop {
            if debugger::traces_this_thread() {
                queue.attached();
                return true;
            }
            if begun.elapsed() >= limit {
                break Passed::NoDebugger;
            }
            if !self.output.is_listened_to() {
                break Passed::NoProgram;
            }
            thread::sleep(LOOK);
        };
        let behind = queue.release();
        eprintln!("{}", stopped.passed(passed, behind));
        false
    }
}

/// Blocks this thread in such a way that other tasks of its runtime go on elsewhere. Threads of the pool for plain functions
/// have no other tasks.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let in_pool = thread::current().name() == Some("kt-call");
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) if !in_pool => task::block_in_place(work),
        _ => work(),
    }
}

/// Whether this thread is all that a runtime of the user's has: then the runtime's other tasks wait as well.
fn holds_runtime() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread)
}
