//! A worker's exit: requesting it, waiting for it, and reporting it.

use std::{
    fmt, io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::{Worker, millis, requests::Waiting};
use crate::{
    sys::{self, process::Ended},
    wire::{
        Generation,
        control::{Death, Exit},
        worker::ToWorker,
    },
};

/// Time for a killed process to disappear: it takes longer only in uninterruptible sleep.
const KILLED: Duration = Duration::from_secs(5);

/// How a worker exited, and its last output.
#[derive(Debug, Clone)]
pub struct End {
    pub death: Death,
    pub last_output: String,
}

impl Worker {
    /// Stops the worker: its calls may continue for `grace`, then it is killed. Returns once it has
    /// exited.
    pub async fn stop(&self, grace: Duration) {
        self.end_as(Exit::Stopped, grace).await;
    }

    /// Like [`stop`](Self::stop), for a worker that was replaced.
    pub async fn retire(&self, grace: Duration) {
        self.end_as(Exit::Replaced, grace).await;
    }

    async fn end_as(&self, why: Exit, grace: Duration) {
        // The first reason is kept.
        let _ = self.ending.set(why);
        if !grace.is_zero() {
            let grace_ms = grace.as_millis().try_into().unwrap_or(u64::MAX);
            let asked = self.post(ToWorker::Drain { grace_ms }, None);
            let mut end = self.end.subscribe();
            // The worker applies the grace period itself; the extra time is for its exit.
            let longest = grace + Duration::from_secs(1);
            if asked.is_ok()
                && timeout(longest, end.wait_for(Option::is_some))
                    .await
                    .is_ok()
            {
                return;
            }
        }
        self.process.kill();
        self.ended().await;
    }

    /// Kills it, without waiting for its exit.
    pub fn kill(&self) {
        let _ = self.ending.set(Exit::Stopped);
        self.process.kill();
    }

    /// How it exited; waits while it is exiting. `None` if it keeps running.
    pub async fn ended(&self) -> Option<End> {
        let mut end = self.end.subscribe();
        let ended = timeout(KILLED, end.wait_for(Option::is_some)).await;
        ended.ok()?.ok()?.clone()
    }

    /// Resolves when it exits.
    pub async fn end(&self) -> Option<End> {
        let mut end = self.end.subscribe();
        end.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl End {
    /// How it exited, as a message.
    pub fn how(&self) -> String {
        match self.death.how {
            Exit::Code(code) => format!("the worker exited with code {code}"),
            Exit::Signal { number, core: true } => {
                format!("the worker was killed by signal {number} and dumped core")
            }
            Exit::Signal { number, .. } => format!("the worker was killed by signal {number}"),
            Exit::Replaced => "the worker was replaced".to_owned(),
            Exit::Stopped => "the host stopped the worker".to_owned(),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how())?;
        if self.last_output.is_empty() {
            return Ok(());
        }
        write!(f, "; its last output:\n{}", self.last_output)
    }
}

/// How long to wait for the channel's EOF: a child that the worker forked may hold it open.
const LAST_MESSAGES: Duration = Duration::from_millis(100);

/// Waits for the process's exit and notifies all waiters.
pub(super) async fn watch(
    ended: oneshot::Receiver<io::Result<Ended>>,
    logs: PathBuf,
    receiving: JoinHandle<()>,
    worker: Arc<Worker>,
) {
    let ended = ended.await;
    let last_output = worker.process.drain(&logs);
    let (how, max_rss) = match ended {
        Ok(Ok(ended)) => {
            let why = worker.ending.get().cloned();
            (why.unwrap_or_else(|| exit(&ended)), ended.max_rss)
        }
        // Unexpected: no other code reaps the host's children. Only the exit itself is known.
        _ => (Exit::Code(-1), 0),
    };
    let death = Death {
        worker: worker.id,
        how,
        generation: Generation(worker.serving.load(Ordering::Relaxed)),
        max_rss,
        out_of_memory: sys::process::out_of_memory_kills() > worker.out_of_memory_kills,
        uptime_ms: millis(worker.uptime()),
    };
    let last_output = last_output.unwrap_or_else(|error| format!("(its output was lost: {error})"));
    worker.end.send_replace(Some(End { death, last_output }));
    // Read the worker's last messages, which may report an accepted connection.
    let _ = timeout(LAST_MESSAGES, receiving).await;
    // Callers ask for the reason as soon as their connection closes: it is recorded by now.
    worker.connections.end();
    // Pending requests fail.
    *worker.waiting() = Waiting::default();
}

fn exit(ended: &Ended) -> Exit {
    match (ended.status.code(), ended.status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, number) => Exit::Signal {
            number: number.unwrap_or(0),
            core: ended.status.core_dumped(),
        },
    }
}
