//! From what a program wants to a connection with its service: through a tunnel that is there, to a pod that is there, or to
//! one that is made.

use std::{convert::Infallible, time::Duration};

use futures_util::future::try_join;
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    Cluster, KubernetesError, ServiceSpec, Workload,
    apply::{apply, let_go},
    existing::{Existing, existing},
    kinds::Controller,
    launch::{self, Launch},
    objects::Objects,
    remove::remove,
    stage, token,
    tunnel::{self, Directory, Record, Report, TunnelOptions},
};
use crate::place::{Connected, Dirs, PlaceError, connected, service};

/// How long a tunnel that just makes its connection anew may take to let us through.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two attempts to start a tunnel.
const PAUSE: Duration = Duration::from_millis(20);
/// What the tunnel may take beyond the launch, which is bounded itself: it says better what went wrong.
const MARGIN: Duration = Duration::from_secs(5);

/// What happens until the service answers, for the person who waits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// It is not up: a pod is made for it.
    Began {
        service: String,
        place: String,
    },
    /// Its objects are there; how many.
    Created {
        objects: usize,
    },
    /// Its pod is made from here on, and whoever watches it survives this process.
    LetGo,
    Launch(launch::Step),
    Tunnel(Report),
    /// The host answers.
    Ready,
}

/// Who hears of steps.
pub type Told<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// Connects to the program's service, and makes it if it is not there. `found` gets to know as early as possible which
/// service was there before.
///
/// # Errors
/// If the cluster cannot be reached or refuses, or the launch fails: then nothing of it is left, unless the options say so.
pub async fn open(
    dirs: &Dirs,
    spec: &ServiceSpec,
    found: oneshot::Sender<Option<Connected>>,
    told: Told<'_>,
) -> Result<Connected, PlaceError> {
    service::check(&spec.name)?;
    let opening = Opening { dirs, spec, told };
    let selection = spec.selection();
    let identity = selection.identify().map_err(KubernetesError::from)?;
    let key = identity.key();
    if let Some(connected) = opening.through_tunnel(&key, &identity.namespace).await? {
        return opening.found(connected, found).await;
    }
    let cluster = Cluster::open(&selection)
        .await
        .map_err(KubernetesError::from)?;
    let (name, existing) = opening.look(&cluster).await?;
    if let Some(existing) = existing {
        if let Some(connected) = opening.attach(&cluster, &key, &existing).await? {
            return opening.found(connected, found).await;
        }
        // Whoever made it was interrupted, or its launch has failed: none of it is of use.
        remove(&cluster, &existing.workload).await?;
    }
    // What is linked need not wait for the pod.
    let _ = found.send(None);
    opening.launch(&cluster, &key, name).await
}

/// Connects to the program's service if it is there.
///
/// # Errors
/// If the cluster cannot be reached or refuses, or its pod cannot be reached in time.
pub async fn find(
    dirs: &Dirs,
    spec: &ServiceSpec,
    told: Told<'_>,
) -> Result<Option<Connected>, PlaceError> {
    let opening = Opening { dirs, spec, told };
    let selection = spec.selection();
    let key = selection.identify().map_err(KubernetesError::from)?;
    if let Some(connected) = opening.through_tunnel(&key.key(), &key.namespace).await? {
        return Ok(Some(connected));
    }
    let cluster = Cluster::open(&selection)
        .await
        .map_err(KubernetesError::from)?;
    match opening.look(&cluster).await? {
        (_, Some(existing)) => opening.attach(&cluster, &key.key(), &existing).await,
        (_, None) => Ok(None),
    }
}

struct Opening<'a> {
    dirs: &'a Dirs,
    spec: &'a ServiceSpec,
    told: Told<'a>,
}

impl Opening<'_> {
    /// Tells of a service that was up, which may be wanted for another time now.
    async fn found(
        &self,
        mut connected: Connected,
        found: oneshot::Sender<Option<Connected>>,
    ) -> Result<Connected, PlaceError> {
        if let Some(ttl) = self.spec.new_ttl {
            connected.set_ttl(ttl).await?;
        }
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
            let connected = match connected::at(&name, &directory.socket(), PATIENCE).await {
                // It looks for a pod that does not come up: whoever goes by the cluster learns why.
                Err(PlaceError::Silent { .. }) => continue,
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

    /// The name that the service has or gets, and what of it is there.
    async fn look(&self, cluster: &Cluster) -> Result<(String, Option<Existing>), PlaceError> {
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
        (self.told)(Step::Began {
            service: name.clone(),
            place: format!("{}/{}", cluster.context, cluster.namespace),
        });
        let may = try_join(cluster.check_way_in(), cluster.may_make_roles()).await;
        let ((), may_make_roles) = may.map_err(KubernetesError::from)?;
        let controller = match may_make_roles {
            true => Controller::Deployment,
            false => Controller::Job,
        };
        let token = token::new().map_err(write("a token"))?;
        let stage =
            stage::executable(self.dirs, &self.spec.toolchain).map_err(KubernetesError::from)?;
        let objects = self.spec.objects(&name, controller, &stage, &token)?;
        let workload = apply(cluster, &objects, controller).await?;
        (self.told)(Step::Created {
            objects: 1 + objects.dependents.len(),
        });
        let launched = self
            .connect(cluster, key, &workload, token, Some(&objects))
            .await;
        if launched.is_err() && !self.spec.options.keep {
            // The launch's own error is the one to tell.
            let _ = remove(cluster, &workload).await;
        }
        launched
    }

    /// Whether the pod that is there was made with the options that are wanted.
    fn same_options(&self, name: &str, options: &str) -> Result<(), KubernetesError> {
        if self.spec.options_hash()? == options {
            return Ok(());
        }
        Err(KubernetesError::OtherOptions {
            service: name.to_owned(),
        })
    }

    /// Starts the tunnel, and watches the pod meanwhile. `made` has not been let go yet.
    async fn connect(
        &self,
        cluster: &Cluster,
        key: &str,
        workload: &Workload,
        token: String,
        made: Option<&Objects>,
    ) -> Result<Connected, PlaceError> {
        let service = &workload.name;
        let directory = Directory::of(self.dirs, key, &cluster.namespace, service);
        let record = Record {
            service: service.clone(),
            context: cluster.context.clone(),
            namespace: cluster.namespace.clone(),
            workspace: self.spec.workspace.clone(),
            options: self.spec.options_hash()?,
        };
        let path = directory.path().display().to_string();
        directory
            .create(&record)
            .map_err(|source| KubernetesError::Write { path, source })?;
        let patience = self.spec.options.launch_timeout;
        let options = TunnelOptions {
            directory: directory.path().to_owned(),
            context: Some(record.context.clone()),
            namespace: record.namespace.clone(),
            workload: workload.clone(),
            token,
            patience,
            created: made.is_some() && !self.spec.options.keep,
        };
        let (sign, mut signs) = watch::channel(());
        let told = |report| {
            sign.send_replace(());
            (self.told)(Step::Tunnel(report));
        };
        // The tunnel bounds its own waits: for the pod, and for each piece of the host on its way there.
        let silence = async { while timeout(patience + MARGIN, signs.changed()).await.is_ok() {} };
        // No pod before there is a tunnel: it ends what it cannot reach, also when nobody else is left to.
        let mut begun = sign.subscribe();
        let letting_go = async {
            if let Some(objects) = made {
                let _ = begun.changed().await;
                let_go(cluster, objects).await?;
                (self.told)(Step::LetGo);
            }
            std::future::pending::<Result<Infallible, KubernetesError>>().await
        };
        let starting = async {
            loop {
                if tunnel::start(&options, &told).await? {
                    break Ok::<_, PlaceError>(());
                }
                // Another process starts one at this moment, or the former one is just ending.
                if connected::at(service, &directory.socket(), PATIENCE)
                    .await?
                    .is_some()
                {
                    break Ok(());
                }
                sleep(PAUSE).await;
            }
        };
        let watching = async {
            let mut launch = Launch::watch(cluster, workload, patience);
            loop {
                match launch.next().await {
                    Ok(Some(step)) => (self.told)(Step::Launch(step)),
                    // The pod runs; it may still fail before its host answers.
                    Ok(None) => break launch.failed().await,
                    Err(error) => break error,
                }
            }
        };
        tokio::select! {
            started = starting => started?,
            Err(error) = letting_go => return Err(error.into()),
            () = silence => return Err(silent(service, patience)),
            error = watching => return Err(KubernetesError::from(error).into()),
        };
        let connected = connected::at(service, &directory.socket(), PATIENCE).await?;
        let connected = record.place(connected.ok_or_else(|| silent(service, PATIENCE))?);
        (self.told)(Step::Ready);
        connected.check_version()?;
        Ok(Connected {
            started: made.is_some(),
            ..connected
        })
    }
}

fn silent(service: &str, after: Duration) -> PlaceError {
    PlaceError::Silent {
        service: service.to_owned(),
        after,
    }
}
