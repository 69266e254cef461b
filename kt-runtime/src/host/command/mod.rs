//! Commands next to the worker, in its environment: `cargo kt exec` and `cargo kt ssh`.

mod relay;
mod shell;
mod start;
mod terminal;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::process::{Pid, Signal, kill_process_group};

pub use relay::run;

use self::terminal::Terminal;
use super::orphans;
use crate::wire::command::{Action, Control};

/// The running commands.
#[derive(Debug, Default)]
pub struct Commands {
    next: AtomicU64,
    running: Mutex<HashMap<u64, Handle>>,
}

/// Controls a command. Its process has not been reaped, so its pid cannot be reused.
#[derive(Debug, Clone)]
struct Handle {
    pid: u32,
    terminal: Option<Arc<Terminal>>,
}

impl Commands {
    /// Controls a command. Returns false if it has exited.
    pub fn control(&self, control: Control) -> bool {
        let Some(handle) = self.running().get(&control.id).cloned() else {
            return false;
        };
        match control.action {
            Action::Resize(size) => {
                // A command without a terminal has no size.
                let _ = handle.terminal.map(|terminal| terminal.resize(size));
            }
            Action::Signal(number) => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    handle.signal(signal);
                }
            }
        }
        true
    }

    fn enter(self: &Arc<Self>, pid: u32, terminal: Option<Terminal>) -> Entry {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let handle = Handle {
            pid,
            terminal: terminal.map(Arc::new),
        };
        self.running().insert(id, handle.clone());
        Entry {
            id,
            handle,
            commands: Arc::clone(self),
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handle {
    /// Whether a shell on a terminal has another process group in its foreground.
    fn runs_a_command(&self) -> bool {
        self.foreground()
            .is_some_and(|group| Some(group) != self.leader())
    }

    /// Signals the command's process group and its terminal's foreground group.
    fn signal(&self, signal: Signal) {
        let leader = self.leader();
        let other = self.foreground().filter(|&group| Some(group) != leader);
        for group in [leader, other].into_iter().flatten() {
            // It may have exited just now.
            let _ = kill_process_group(group, signal);
        }
    }

    fn leader(&self) -> Option<Pid> {
        Pid::from_raw(self.pid.cast_signed())
    }

    fn foreground(&self) -> Option<Pid> {
        self.terminal
            .as_ref()
            .and_then(|terminal| terminal.foreground())
    }
}

/// A command's entry in the table, until its process has been reaped.
#[derive(Debug)]
struct Entry {
    id: u64,
    handle: Handle,
    commands: Arc<Commands>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.commands.running().remove(&self.id);
        orphans::release(self.handle.pid);
    }
}
