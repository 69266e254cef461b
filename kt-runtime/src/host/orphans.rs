//! Processes whose parents are gone become children of a container's first process, and stay as zombies until it waits for
//! them. Workers are children too, whose ends are somebody else's to take.

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

/// At most this often all processes are looked at, however many end.
const PAUSE: Duration = Duration::from_millis(100);

/// Workers that nobody has waited for yet.
static WORKERS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A worker was started. To be called by the thread that runs [`reap`], before anything else runs there.
pub fn keep_off(worker: u32) {
    WORKERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(worker);
}

/// A worker's end has been taken: its number may come again as an orphan's.
pub fn release(worker: u32) {
    WORKERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|&other| other != worker);
}

/// Waits for orphans, for ever.
pub async fn reap() {
    let Ok(mut ends) = signal(SignalKind::child()) else {
        return;
    };
    loop {
        ends.recv().await;
        for pid in zombies() {
            // Held meanwhile: a worker that is reaped now is no orphan of the same number.
            let workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
            if !workers.contains(&pid) {
                let _ = process::reap(pid);
            }
        }
        sleep(PAUSE).await;
    }
}

/// Children of ours that have ended: `/proc/<pid>/stat`, proc(5).
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
        // The second field is a name in brackets that may hold anything. Behind it: state and parent.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| {
            let mut fields = rest.split(' ');
            fields.next() == Some("Z") && fields.next() == Some(&own)
        })
    };
    pids.filter(is_ours).collect()
}
