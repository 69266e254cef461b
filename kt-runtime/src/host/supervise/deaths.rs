//! How workers exited.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::timeout;

use super::{super::worker::Worker, Supervisor};
use crate::wire::{
    control::{Death, Exit, Replaced},
    limits,
};

/// How many deaths to keep for drivers that ask late.
const DEATHS: usize = 16;

impl Supervisor {
    /// The latest unexpected death of a worker.
    pub fn last_death(&self) -> Option<Death> {
        let deaths = self.deaths.borrow();
        deaths
            .iter()
            .rfind(|death| !matches!(death.how, Exit::Stopped | Exit::Replaced))
            .cloned()
    }

    /// The latest deaths, newest last; includes workers that the host stopped.
    pub fn deaths(&self) -> Vec<Death> {
        self.deaths.borrow().iter().cloned().collect()
    }

    /// How the worker of this instance exited, as soon as it is known.
    pub async fn death(&self, instance: u64) -> Option<Death> {
        let of = |deaths: &VecDeque<Death>| {
            let death = deaths
                .iter()
                .find(|death| death.worker.instance == instance);
            death.cloned()
        };
        let mut deaths = self.deaths.subscribe();
        let known = deaths.wait_for(|deaths| of(deaths).is_some());
        let known = timeout(limits::DEATH, known).await.ok()?.ok()?;
        of(&known)
    }

    /// Like [`live`](Self::live), but waits for a dying worker until its death is recorded.
    pub(super) async fn settled(&self) -> Option<Arc<Worker>> {
        let worker = self.state().worker.clone()?;
        if worker.is_alive() {
            return Some(worker);
        }
        if self.death(worker.id.instance).await.is_none() {
            // It closed the channel but keeps running: it is unusable.
            worker.kill();
            self.death(worker.id.instance).await;
        }
        None
    }

    /// Records a worker's exit.
    pub(super) async fn watch(self: Arc<Self>, worker: Arc<Worker>) {
        let Some(end) = worker.end().await else {
            return;
        };
        tracing::info!("worker {}: {end}", worker.id.pid);
        {
            let mut state = self.state();
            let served = state
                .worker
                .take_if(|serving| serving.id == worker.id)
                .is_some();
            if served && !matches!(end.death.how, Exit::Stopped | Exit::Replaced) {
                if self.options.pod.is_some() {
                    // In the container's log, next to the worker's own output.
                    eprintln!(
                        "kt: {}; it served generation {}, and its state is lost",
                        end.how(),
                        end.death.generation
                    );
                }
                state.unreported_loss = Some(Replaced::Died(end.death.clone()));
            }
        }
        self.deaths.send_modify(|deaths| {
            deaths.push_back(end.death);
            if deaths.len() > DEATHS {
                deaths.pop_front();
            }
        });
    }
}
