//! Connects a program to its service: through a running tunnel, to an existing pod, or to a new
//! one.

use std::{convert::Infallible, time::Duration};

use futures_util::future::try_join;
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    Cluster, KubernetesError, ServiceSpec, Workload,
    access::identify,
    apply::{apply, unpause},
    existing::{Existing, existing},
    kinds::Controller,
    launch::{self, Launch, LaunchError},
    objects::Objects,
    registry::ImageCheck,
    remove::remove,
    stage, token,
    tunnel::{self, Directory, Record, Report, TunnelOptions},
};
use crate::place::{Connected, Dirs, LaunchStep, PlaceError, connected, service};

/// Timeout for a tunnel that is reconnecting.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Interval between attempts to start a tunnel.
const PAUSE: Duration = Duration::from_millis(20);
/// Extra time for the tunnel beyond the launch timeout: the launch's own error is more precise.
const MARGIN: Duration = Duration::from_secs(5);

/// Receives the steps.
pub type ProgressFn<'a> = &'a (dyn Fn(LaunchStep) + Send + Sync);

/// Connects to the program's service, and creates it if it does not exist. `found` receives the
/// existing service, or `None`, as early as possible.
///
/// # Errors
/// If the cluster cannot be reached or rejects a request, or the launch fails. A failed launch is
/// deleted unless the option `keep` is set.
pub async fn open(
    dirs: &Dirs,
    spec: &ServiceSpec,
    found: oneshot::Sender<Option<Connected>>,
    progress: ProgressFn<'_>,
) -> Result<Connected, PlaceError> {
    service::check(&spec.name)?;
    let connector = Connector {
        dirs,
        spec,
        progress,
    };
    let selection = spec.selection();
    let identity = identify(&selection).map_err(KubernetesError::from)?;
    let key = identity.key();
    if let Some(connected) = connector.through_tunnel(&key, &identity.namespace).await? {
        return connector.found(connected, found).await;
    }
    let cluster = Cluster::open(&selection)
        .await
        .map_err(KubernetesError::from)?;
    let (name, existing) = connector.find_existing(&cluster).await?;
    if let Some(existing) = existing {
        if let Some(connected) = connector.attach(&cluster, &key, &existing).await? {
            return connector.found(connected, found).await;
        }
        // The process that created it was interrupted, or its launch failed: it cannot be used.
        tracing::debug!(service = name, "removing the workload of a failed launch");
        remove(&cluster, &existing.workload).await?;
    }
    // Linking does not have to wait for the pod.
    let _ = found.send(None);
    connector.launch(&cluster, &key, name).await
}

/// Connects to the program's service, if it exists.
///
/// # Errors
/// If the cluster cannot be reached or rejects a request, or the pod cannot be reached in time.
pub async fn find(
    dirs: &Dirs,
    spec: &ServiceSpec,
    progress: ProgressFn<'_>,
) -> Result<Option<Connected>, PlaceError> {
    let connector = Connector {
        dirs,
        spec,
        progress,
    };
    let selection = spec.selection();
    let key = identify(&selection).map_err(KubernetesError::from)?;
    if let Some(connected) = connector.through_tunnel(&key.key(), &key.namespace).await? {
        return Ok(Some(connected));
    }
    let cluster = Cluster::open(&selection)
        .await
        .map_err(KubernetesError::from)?;
    match connector.find_existing(&cluster).await? {
        (_, Some(existing)) => connector.attach(&cluster, &key.key(), &existing).await,
        (_, None) => Ok(None),
    }
}

struct Connector<'a> {
    dirs: &'a Dirs,
    spec: &'a ServiceSpec,
    progress: ProgressFn<'a>,
}

/// A workload that is still paused.
struct Created<'a> {
    objects: &'a Objects,
    image: ImageCheck,
}

impl Connector<'_> {
    /// Reports an existing service, and updates its inactivity timeout.
    async fn found(
        &self,
        mut connected: Connected,
        found: oneshot::Sender<Option<Connected>>,
    ) -> Result<Connected, PlaceError> {
        if let Some(ttl) = self.spec.new_ttl {
            connected.set_ttl(ttl).await?;
        }
        tracing::debug!(service = connected.service, "service found");
        let _ = found.send(Some(connected.clone()));
        Ok(connected)
    }

    async fn through_tunnel(
        &self,
        key: &str,
        namespace: &str,
    ) -> Result<Option<Connected>, PlaceError> {
        for name in self.spec.names() {
            let directory = Directory::of(self.dirs, key, namespace, &name);
            let Some(record) = directory.record() else {
                continue;
            };
            if record.workspace != self.spec.workspace {
                continue;
            }
            let connected = match connected::at(&name, &directory.socket(), TIMEOUT).await {
                // The tunnel waits for a pod that does not start. The query of the cluster reports
                // why.
                Err(PlaceError::Unresponsive { .. }) => continue,
                connected => connected?,
            };
            if let Some(connected) = connected {
                self.same_options(&name, &record.options)?;
                connected.check_version()?;
                return Ok(Some(record.place(connected)));
            }
        }
        Ok(None)
    }

    /// The name that the service has or gets, and the existing service.
    async fn find_existing(
        &self,
        cluster: &Cluster,
    ) -> Result<(String, Option<Existing>), PlaceError> {
        let [own, plain] = self.spec.names();
        let (in_own, in_plain) =
            try_join(existing(cluster, &own), existing(cluster, &plain)).await?;
        let user = service::label(&self.spec.user);
        let ours = |it: &Existing| it.workspace == self.spec.workspace && it.user == user;
        if let Some(existing) = in_own.filter(ours) {
            return Ok((own, Some(existing)));
        }
        match in_plain {
            None => Ok((plain, None)),
            Some(existing) if ours(&existing) => Ok((plain, Some(existing))),
            Some(_) => Ok((own, None)),
        }
    }

    async fn attach(
        &self,
        cluster: &Cluster,
        key: &str,
        existing: &Existing,
    ) -> Result<Option<Connected>, PlaceError> {
        if existing.unfinished {
            return Ok(None);
        }
        let failed = launch::has_failed(cluster, &existing.workload);
        let (token, failed) = tokio::join!(token::read(cluster, &existing.workload.name), failed);
        if failed.map_err(KubernetesError::from)? {
            return Ok(None);
        }
        let Some(token) = token? else {
            return Ok(None);
        };
        self.same_options(&existing.workload.name, &existing.options)?;
        let connecting = self.connect(cluster, key, &existing.workload, token, None);
        connecting.await.map(Some)
    }

    async fn launch(
        &self,
        cluster: &Cluster,
        key: &str,
        name: String,
    ) -> Result<Connected, PlaceError> {
        let write = |path: &str| {
            let path = path.to_owned();
            move |source| KubernetesError::Write { path, source }
        };
        (self.progress)(LaunchStep::Began {
            service: name.clone(),
            place: format!("{}/{}", cluster.context, cluster.namespace),
        });
        let may = try_join(cluster.check_port_forward(), cluster.may_create_roles()).await;
        let ((), may_create_roles) = may.map_err(KubernetesError::from)?;
        let controller = match may_create_roles {
            true => Controller::Deployment,
            false => Controller::Job,
        };
        let token = token::new().map_err(write("a token"))?;
        let stage =
            stage::executable(self.dirs, &self.spec.toolchain).map_err(KubernetesError::from)?;
        let objects = self.spec.objects(&name, controller, &stage, &token)?;
        // Asked meanwhile: a launch does not wait for the answer.
        let image = self.spec.check_image(&objects);
        let workload = apply(cluster, &objects, controller).await?;
        (self.progress)(LaunchStep::Created {
            objects: 1 + objects.dependents.len(),
        });
        let created = Created {
            objects: &objects,
            image,
        };
        let launched = self
            .connect(cluster, key, &workload, token, Some(created))
            .await;
        if launched.is_err() && !self.spec.options.keep {
            // Report the launch's own error.
            let _ = remove(cluster, &workload).await;
        }
        launched
    }

    /// Checks that the existing pod was created with the requested options.
    fn same_options(&self, name: &str, options: &str) -> Result<(), KubernetesError> {
        if self.spec.options_hash()? == options {
            return Ok(());
        }
        Err(KubernetesError::OtherOptions {
            service: name.to_owned(),
        })
    }

    /// Starts the tunnel and watches the pod in parallel.
    async fn connect(
        &self,
        cluster: &Cluster,
        key: &str,
        workload: &Workload,
        token: String,
        created: Option<Created<'_>>,
    ) -> Result<Connected, PlaceError> {
        let service = &workload.name;
        let (directory, record) = self.directory(cluster, key, service)?;
        let launch_timeout = self.spec.options.launch_timeout;
        let unasked = ImageCheck::none();
        let image = created.as_ref().map_or(&unasked, |it| &it.image);
        let options = TunnelOptions {
            directory: directory.path().to_owned(),
            context: Some(record.context.clone()),
            namespace: record.namespace.clone(),
            workload: workload.clone(),
            token,
            launch_timeout,
            created: created.is_some() && !self.spec.options.keep,
        };
        let (activity, mut activities) = watch::channel(());
        let progress = |report: Report| {
            activity.send_replace(());
            if let Some(step) = report.step() {
                (self.progress)(step);
            }
        };
        // The tunnel has its own timeouts: for the pod, and for each piece of the host's upload.
        let silence = async {
            while timeout(launch_timeout + MARGIN, activities.changed())
                .await
                .is_ok()
            {}
        };
        // Create no pod before the tunnel runs: the tunnel deletes a workload that it cannot reach,
        // even if this process has exited.
        let mut begun = activity.subscribe();
        let unpausing = async {
            if let Some(created) = &created {
                let _ = begun.changed().await;
                unpause(cluster, created.objects).await?;
                (self.progress)(LaunchStep::Unpaused);
            }
            std::future::pending::<Result<Infallible, KubernetesError>>().await
        };
        let starting = async {
            loop {
                if tunnel::start(&options, &progress).await? {
                    break Ok::<_, PlaceError>(());
                }
                // Another process is starting a tunnel, or its predecessor is stopping.
                tracing::debug!(service, "another tunnel has the lock: connecting again");
                if connected::at(service, &directory.socket(), TIMEOUT)
                    .await?
                    .is_some()
                {
                    break Ok(());
                }
                sleep(PAUSE).await;
            }
        };
        tokio::select! {
            started = starting => started?,
            Err(error) = unpausing => return Err(error.into()),
            () = silence => return Err(unresponsive(service, launch_timeout)),
            error = self.watch(cluster, workload, image) => return Err(KubernetesError::from(error).into()),
        };
        let connected = connected::at(service, &directory.socket(), TIMEOUT).await?;
        let connected = record.place(connected.ok_or_else(|| unresponsive(service, TIMEOUT))?);
        (self.progress)(LaunchStep::Ready);
        connected.check_version()?;
        Ok(Connected {
            started: created.is_some(),
            ..connected
        })
    }

    /// The directory of the service's tunnel on this machine.
    fn directory(
        &self,
        cluster: &Cluster,
        key: &str,
        service: &str,
    ) -> Result<(Directory, Record), KubernetesError> {
        let directory = Directory::of(self.dirs, key, &cluster.namespace, service);
        let record = Record {
            service: service.to_owned(),
            context: cluster.context.clone(),
            namespace: cluster.namespace.clone(),
            workspace: self.spec.workspace.clone(),
            options: self.spec.options_hash()?,
        };
        let path = directory.path().display().to_string();
        directory
            .create(&record)
            .map_err(|source| KubernetesError::Write { path, source })?;
        Ok((directory, record))
    }

    /// Watches the pod until it fails.
    async fn watch(
        &self,
        cluster: &Cluster,
        workload: &Workload,
        image: &ImageCheck,
    ) -> LaunchError {
        let timeout = self.spec.options.launch_timeout;
        let mut launch = Launch::watch(cluster, workload, timeout, image);
        loop {
            match launch.next().await {
                Ok(Some(step)) => (self.progress)(step),
                // The pod runs, but may still fail before its host answers.
                Ok(None) => return launch.failed().await,
                Err(error) => return error,
            }
        }
    }
}

fn unresponsive(service: &str, after: Duration) -> PlaceError {
    PlaceError::Unresponsive {
        service: service.to_owned(),
        after,
    }
}
