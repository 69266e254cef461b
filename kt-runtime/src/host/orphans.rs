//! Reaps orphans: processes whose parents have exited become children of a container's first
//! process, and stay zombies until it waits for them. Workers are children too, but other code
//! reaps them.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::sys::process;

/// Minimum pause between scans of all processes.
const PAUSE: Duration = Duration::from_millis(100);

/// Workers that have not been reaped yet.
static WORKERS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Excludes a new worker. Call this on the thread that runs [`reap`], before other code runs there.
pub fn exclude(worker: u32) {
    WORKERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(worker);
}

/// A worker was reaped: an orphan may reuse its pid.
pub fn release(worker: u32) {
    WORKERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|&other| other != worker);
}

/// Reaps orphans forever.
pub async fn reap() {
    let Ok(mut ends) = signal(SignalKind::child()) else {
        return;
    };
    loop {
        ends.recv().await;
        for pid in zombies() {
            // Held meanwhile: a worker that is reaped now cannot be confused with an orphan of the
            // same pid.
            let workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
            if !workers.contains(&pid) {
                let _ = process::reap(pid);
            }
        }
        sleep(PAUSE).await;
    }
}

/// Exited children of this process: `/proc/<pid>/stat`, proc(5).
fn zombies() -> Vec<u32> {
    let own = std::process::id().to_string();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The second field is a name in parentheses that may contain anything. State and parent
        // follow.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| {
            let mut fields = rest.split(' ');
            fields.next() == Some("Z") && fields.next() == Some(&own)
        })
    };
    pids.filter(is_ours).collect()
}
