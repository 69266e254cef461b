//! Calls at a [`breakpoint!`](crate::breakpoint): the call waits for a debugger while other tasks
//! continue.

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

/// How often a waiting call polls for its debugger: the kernel does not notify a process that one
/// attached.
const POLL: Duration = Duration::from_millis(20);

/// Time for tokio to move the other tasks of a blocking thread to another thread. tokio does not
/// report when it is done, and tasks not yet moved stay on a thread that stops.
const HANDOVER: Duration = Duration::from_millis(5);

/// The location of a breakpoint in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) function: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// The worker's breakpoint state.
#[derive(Default)]
pub(super) struct Breakpoints {
    queue: Queue,
    /// Breakpoints left to pass without stopping.
    ignored: AtomicU64,
}

impl Breakpoints {
    /// Lets the next `count` breakpoints pass.
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
    /// Whether the calling thread stops: a debugger is attached. May wait for one to attach.
    pub(crate) fn breakpoint(&self, location: &Location) -> bool {
        // Only a debugger sets this count.
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

    /// The stopped call continues; the next one moves to the front.
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
            thread::sleep(POLL);
        };
        let behind = queue.release();
        eprintln!("{}", stopped.passed(passed, behind));
        false
    }
}

/// Blocks this thread while other tasks of its runtime continue on other threads. Threads of the
/// pool for synchronous functions have no other tasks.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let in_pool = thread::current().name() == Some("kt-call");
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) if !in_pool => task::block_in_place(work),
        _ => work(),
    }
}

/// Whether this thread is the only one of a runtime that the user created: then the runtime's other
/// tasks wait too.
fn holds_runtime() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread)
}
