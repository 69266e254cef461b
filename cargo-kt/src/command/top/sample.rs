//! A sample of a service.

use kt::wire::{
    Generation,
    control::{Status, path},
    inspect::{Inspection, path::INSPECT},
};

use crate::place::{Connected, PlaceError};

pub(super) struct Sample {
    pub(super) status: Status,
    pub(super) inspection: Inspection,
}

impl Sample {
    pub(super) async fn take(connected: &Connected) -> Result<Self, PlaceError> {
        let (status, inspection) = tokio::try_join!(
            connected.ask(path::STATUS, &()),
            connected.ask(INSPECT, &()),
        )?;
        Ok(Self { status, inspection })
    }

    /// The worker and its generation.
    pub(super) fn program(&self) -> (Option<u64>, Option<Generation>) {
        let worker = self.status.worker.as_ref().map(|worker| worker.id.instance);
        let generation = self.status.current.as_ref();
        (worker, generation.map(|(generation, _)| *generation))
    }

    /// CPU usage in percent of one CPU since an earlier sample, if it is the same worker.
    pub(super) fn cpu_percent(&self, before: &Self) -> Option<f64> {
        if self.program().0 != before.program().0 {
            return None;
        }
        let (now, then) = (
            self.inspection.worker.as_ref()?,
            before.inspection.worker.as_ref()?,
        );
        let elapsed = now.at_ms.checked_sub(then.at_ms).filter(|ms| *ms > 0)?;
        let used = now.usage.cpu_ms.checked_sub(then.usage.cpu_ms)?;
        Some(used as f64 * 100.0 / elapsed as f64)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use kt::wire::{
        WorkerId,
        control::WorkerStatus,
        inspect::{CallInFlight, CallName, CallsInFlight, GroupLimits, Usage, WorkerUse},
        platform::{ImageGlibc, Platform},
    };

    use super::*;

    pub(in crate::command::top) fn sample(at_ms: u64, cpu_ms: u64) -> Sample {
        let call = CallInFlight {
            call: CallName {
                number: 7,
                generation: Generation(2),
                function: "app::slow".into(),
            },
            age_ms: 1500,
        };
        Sample {
            status: Status {
                service: "alice-app".into(),
                kt_version: "0.1.0".into(),
                workspace: "/src/app".into(),
                host_pid: 1,
                platform: Platform {
                    architecture: "x86_64".into(),
                    glibc: ImageGlibc::Unknown,
                },
                uptime_ms: 3_725_000,
                ttl_ms: 600_000,
                ttl_left_ms: 600_000,
                worker: Some(WorkerStatus {
                    environment: Default::default(),
                    id: WorkerId {
                        pid: 2,
                        instance: 1,
                    },
                    uptime_ms: 1,
                    rss: 25_000_000,
                    calls: Some(1),
                    migrating: None,
                }),
                current: None,
                last_death: None,
            },
            inspection: Inspection {
                directory: "/cache".into(),
                body_limit: 1,
                limits: GroupLimits::default(),
                deaths: Vec::new(),
                worker: Some(WorkerUse {
                    at_ms,
                    usage: Usage {
                        cpu_ms,
                        rss: 25_000_000,
                        threads: 12,
                        open_files: 30,
                        open_files_limit: Some(1024),
                    },
                    reloads: 1,
                    calls: Some(CallsInFlight {
                        calls: vec![call],
                        more: 0,
                    }),
                }),
                gpus: Vec::new(),
            },
        }
    }

    #[test]
    fn cpu_usage_is_of_one_worker_between_two_samples() {
        let (first, second) = (sample(1000, 50), sample(3000, 3050));
        assert_eq!(second.cpu_percent(&first), Some(150.0));
        assert_eq!(first.cpu_percent(&first), None, "no time has passed");
        let mut other = sample(3000, 60);
        other.status.worker.as_mut().unwrap().id.instance = 2;
        assert_eq!(other.cpu_percent(&first), None);
    }
}
