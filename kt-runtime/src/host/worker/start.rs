use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

use super::{
    super::{
        process::{self, Process, Start},
        store::View,
    },
    Worker, channel,
    connections::Connections,
    end,
    requests::Waiting,
};
use crate::{
    sys,
    wire::{
        Generation, PROTOCOL, VERSION, WorkerId, limits,
        manifest::Manifest,
        worker::{ToWorker, WorkerConfig},
    },
};

/// The parameters of a new worker.
#[derive(Debug)]
pub struct Plan<'a> {
    pub config: WorkerConfig,
    /// The service's directory.
    pub service: &'a Path,
    pub working_directory: &'a Path,
    pub view: View,
    pub first: Generation,
    pub manifest: &'a Manifest,
}

impl Worker {
    /// Starts a worker and waits for its first message.
    ///
    /// # Errors
    /// If it cannot be executed, exits, does not answer in time, or uses another protocol.
    pub async fn start(plan: Plan<'_>) -> Result<Arc<Self>, String> {
        let launcher = plan.view.path().join(&plan.manifest.worker.launcher.name);
        let start = Start {
            launcher: &launcher,
            service: plan.service,
            working_directory: plan.working_directory,
            environment: &plan.manifest.environment,
        };
        let out_of_memory_kills = sys::process::out_of_memory_kills();
        let (process, stream, ended) =
            Process::start(&start).map_err(|error| process::explain(&launcher, &error))?;
        let (messages, outgoing) = mpsc::channel(channel::QUEUE);
        let (started, hello) = oneshot::channel();
        let logs = plan.config.logs.clone();
        let stream = Arc::new(stream);
        let worker = Arc::new(Self {
            id: WorkerId {
                pid: process.pid,
                instance: plan.config.instance,
            },
            view: plan.view,
            environment: plan.manifest.environment.clone(),
            started: Instant::now(),
            process,
            channel: Arc::clone(&stream),
            messages,
            waiting: Mutex::new(Waiting::for_start(started)),
            connections: Connections::default(),
            serving: AtomicU64::new(plan.first.0),
            taken: AtomicU64::new(0),
            ending: OnceLock::new(),
            out_of_memory_kills,
            end: watch::Sender::new(None),
        });
        tokio::spawn(channel::send(
            Arc::clone(&stream),
            outgoing,
            Arc::clone(&worker),
        ));
        let receiving = tokio::spawn(channel::receive(stream, Arc::clone(&worker)));
        tokio::spawn(end::watch(ended, logs, receiving, Arc::clone(&worker)));

        let greeted = worker.greet(plan.config, hello, plan.manifest).await;
        if greeted.is_err() {
            worker.stop(Duration::ZERO).await;
        }
        greeted.map(|()| worker)
    }

    async fn greet(
        &self,
        config: WorkerConfig,
        hello: oneshot::Receiver<(u16, String)>,
        manifest: &Manifest,
    ) -> Result<(), String> {
        self.post(ToWorker::Start(config), None)
            .map_err(|error| error.to_string())?;
        match timeout(limits::WORKER_START, hello).await {
            Err(_) => Err(format!(
                "the worker did not answer within {} s after its start",
                limits::WORKER_START.as_secs()
            )),
            Ok(Err(_)) => match self.ended().await {
                Some(end) => Err(end.to_string()),
                None => Err("the worker closed its channel".to_owned()),
            },
            Ok(Ok((protocol, version))) if protocol != PROTOCOL => Err(format!(
                "the program was built with kt-runtime {version} (protocol {protocol}), but this is cargo-kt {VERSION} (protocol {PROTOCOL})\nhelp: use the same version of both"
            )),
            Ok(Ok((_, version))) if version != manifest.kt_version => Err(format!(
                "the worker was built with kt-runtime {version}, but the manifest names {}",
                manifest.kt_version
            )),
            Ok(Ok(_)) => Ok(()),
        }
    }
}
