use std::{fs, path::Path, time::Duration};

use kt::host::holds_open;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::linux::started;

/// Interval at which a process is polled for its exit.
const POLL: Duration = Duration::from_millis(5);

/// A host's process. Its start time distinguishes it from a later process with the same id.
#[derive(Debug)]
pub struct HostProcess {
    pub pid: u32,
    started: u64,
}

impl HostProcess {
    /// The process that holds a service's lock: its id is in the lock file, and it has the file
    /// open.
    pub fn holding(lock: &Path) -> Option<Self> {
        let pid = fs::read_to_string(lock).ok()?.trim().parse().ok()?;
        let process = Self::find(pid)?;
        holds_open(pid, lock).then_some(process)
    }

    fn find(pid: u32) -> Option<Self> {
        let started = started(pid)?;
        Some(Self { pid, started })
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_alive(&self) -> bool {
        started(self.pid) == Some(self.started)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_alive()) {
            // An error means that it has exited.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its exit. Returns false if it still runs after `limit`.
    pub async fn exited_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(POLL).await;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_alive_until_it_exits() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = HostProcess::find(child.id()).unwrap();
        assert!(!process.exited_within(Duration::ZERO).await);
        process.signal(Signal::TERM);
        // It is not reaped: a zombie counts as exited.
        assert!(process.exited_within(Duration::from_secs(10)).await);
        child.wait().unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    fn an_unheld_lock_has_no_process() {
        let directory = tempfile::tempdir().unwrap();
        let lock = directory.path().join("lock");
        assert!(HostProcess::holding(&lock).is_none());
        // This process exists, but does not have the file open.
        fs::write(&lock, std::process::id().to_string()).unwrap();
        assert!(HostProcess::holding(&lock).is_none());
    }
}
