use std::{fs, path::Path, time::Duration};

use kt::host::holds_open;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

/// How often a process is looked at while its end is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// A host's process, told from a later one of the same number by the time it started.
#[derive(Debug)]
pub struct HostProcess {
    pub pid: u32,
    started: u64,
}

impl HostProcess {
    /// The process that holds a service's lock: it is the one that says so in the file, and it has the file open.
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
            // It ended in between: all the better.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end. False if it still runs after `limit`.
    pub async fn ended_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}

/// When a process started, in clock ticks since boot; `None` for one that is gone or a zombie. Source: `/proc/<pid>/stat`,
/// proc(5).
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets that may hold anything. Behind it: the third, the state, and on.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |number: usize| fields.get(number - 3).copied();
    // A first thread that has ended is shown as a zombie while others still run and hold the process's files and locks.
    let threads = field(20)?;
    if matches!(field(3)?, "Z" | "X") && matches!(threads, "0" | "1") {
        return None;
    }
    field(22)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = HostProcess::find(child.id()).unwrap();
        assert!(!process.ended_within(Duration::ZERO).await);
        process.signal(Signal::TERM);
        // Not reaped: a zombie has ended.
        assert!(process.ended_within(Duration::from_secs(10)).await);
        child.wait().unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    fn a_lock_that_nobody_holds_has_no_process() {
        let directory = tempfile::tempdir().unwrap();
        let lock = directory.path().join("lock");
        assert!(HostProcess::holding(&lock).is_none());
        // Ours is a process, but it does not have the file open.
        fs::write(&lock, std::process::id().to_string()).unwrap();
        assert!(HostProcess::holding(&lock).is_none());
    }
}
