//! Services on this machine: each has a host process in the background, reached through a Unix
//! socket.

mod down;
mod environment;
mod foreign;
mod logs;
mod process;
mod start;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use kt::{
    host::{Expired, HostOptions, ServiceLock, TryLock},
    wire::limits,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

pub use down::down;
pub use environment::environment_of;
pub use foreign::runs_here;
pub use logs::{HOST_LOGS, host_log, log_pieces, logs};
pub use process::HostProcess;

use super::{Connected, Dirs, PlaceError, PlaceName, Service, State, connected, service};

/// The first argument that makes this executable run as a host.
pub const HOST_COMMAND: &str = "host";

/// Default inactivity timeout of a service on this machine. The option has the same default.
const DEFAULT_TTL: Duration = Duration::from_secs(8 * 3600);
/// Timeout from a service's start, or from its predecessor's stop, to its first answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Interval between attempts while another host starts or stops.
const PAUSE: Duration = Duration::from_millis(20);

/// The service that a program requires.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// A name from [`service::name`].
    pub name: String,
    /// Root of the program's workspace.
    pub workspace: String,
    /// The directory for relative paths in remote functions.
    pub working_directory: PathBuf,
    /// `None`: keep the timeout of a running service, and use `default_ttl` for a new one.
    pub inactivity_ttl: Option<Duration>,
    /// The inactivity timeout of a new service, unless `inactivity_ttl` is set.
    pub default_ttl: Duration,
    /// Limit for a call's arguments or result in bytes, for a new service.
    pub body_limit: usize,
    /// How long a call at a breakpoint waits for a debugger.
    pub breakpoint_timeout: Duration,
    /// The environment of the host and its workers.
    pub environment: BTreeMap<OsString, OsString>,
    /// The command line that runs a host, without its options: `cargo-kt host`.
    pub host: Vec<OsString>,
}

impl ServiceSpec {
    /// A service with the defaults, whose host is this executable.
    ///
    /// # Errors
    /// If the path of this executable cannot be determined.
    pub fn new(
        name: String,
        workspace: String,
        working_directory: PathBuf,
    ) -> std::io::Result<Self> {
        Ok(Self {
            name,
            workspace,
            working_directory,
            inactivity_ttl: None,
            default_ttl: DEFAULT_TTL,
            body_limit: limits::BODY,
            breakpoint_timeout: limits::BREAKPOINT,
            environment: std::env::vars_os().collect(),
            host: vec![std::env::current_exe()?.into(), HOST_COMMAND.into()],
        })
    }

    fn options(&self, dirs: &Dirs, name: &str) -> Result<HostOptions, PlaceError> {
        Ok(HostOptions {
            service: name.to_owned(),
            directory: dirs.service(name),
            socket: dirs.socket(name)?,
            workspace: self.workspace.clone(),
            working_directory: self.working_directory.clone(),
            inactivity_ttl: self.inactivity_ttl.unwrap_or(self.default_ttl),
            token_file: None,
            body_limit: self.body_limit,
            breakpoint_timeout: self.breakpoint_timeout,
            pod: None,
        })
    }
}

/// Connects to the program's service, and starts it if it does not run. If another workspace has a
/// running service of the same name, the name of this one gets a hash of its workspace.
///
/// # Errors
/// If its host cannot be started, has another version, or does not answer.
pub async fn connect_or_start(dirs: &Dirs, spec: &ServiceSpec) -> Result<Connected, PlaceError> {
    service::check(&spec.name)?;
    let own = service::name_in(&spec.name, &spec.workspace);
    // The longer name first: a service keeps it even after the shorter name becomes free.
    let mut connected = match reach(dirs, &own).await? {
        Some(connected) => connected,
        None => match find_or_start(dirs, spec, &spec.name).await? {
            Some(connected) => connected,
            None => find_or_start(dirs, spec, &own)
                .await?
                .ok_or(PlaceError::Unresponsive {
                    service: own,
                    after: TIMEOUT,
                })?,
        },
    };
    connected.check_version()?;
    if let Some(ttl) = spec.inactivity_ttl {
        connected.set_ttl(ttl).await?;
    }
    Ok(connected)
}

/// Connects to the service of this name.
///
/// # Errors
/// If it does not exist, cannot be reached, or its host has another version.
pub async fn connect(dirs: &Dirs, name: &str) -> Result<Connected, PlaceError> {
    service::check(name)?;
    match reach(dirs, name).await? {
        Some(connected) => connected.check_version().map(|()| connected),
        None => Err(down::no_service(dirs, name)),
    }
}

/// Connects to the program's service, if it runs.
///
/// # Errors
/// If it cannot be reached, or its host has another version.
pub async fn find(dirs: &Dirs, spec: &ServiceSpec) -> Result<Option<Connected>, PlaceError> {
    service::check(&spec.name)?;
    for name in [
        service::name_in(&spec.name, &spec.workspace),
        spec.name.clone(),
    ] {
        let connected = reach(dirs, &name).await?;
        if let Some(connected) = connected.filter(|it| it.status.workspace == spec.workspace) {
            connected.check_version()?;
            return Ok(Some(connected));
        }
    }
    Ok(None)
}

/// Connects to the service of this name, if it runs.
async fn reach(dirs: &Dirs, name: &str) -> Result<Option<Connected>, PlaceError> {
    connected::at(name, &dirs.socket(name)?, limits::HANDSHAKE).await
}

/// Returns `None` if the name belongs to another workspace.
async fn find_or_start(
    dirs: &Dirs,
    spec: &ServiceSpec,
    name: &str,
) -> Result<Option<Connected>, PlaceError> {
    let options = spec.options(dirs, name)?;
    let deadline = Instant::now() + TIMEOUT;
    let mut started = false;
    loop {
        if let Some(mut connected) = reach(dirs, name).await? {
            connected.started = started;
            let expired = started.then(|| Expired::take(&options.directory)).flatten();
            connected.expired = expired.filter(|it| it.workspace == spec.workspace);
            let ours = connected.status.workspace == spec.workspace;
            tracing::debug!(service = name, started, ours, "service found");
            return Ok(ours.then_some(connected));
        }
        if Instant::now() > deadline {
            return Err(PlaceError::Unresponsive {
                service: name.to_owned(),
                after: TIMEOUT,
            });
        }
        match start::start(spec, &options).await? {
            start::Started::Ready => started = true,
            // Another `cargo kt` is starting it, or its predecessor is stopping.
            start::Started::Taken => {
                tracing::debug!(
                    service = name,
                    "another host has the lock: connecting again"
                );
                sleep(PAUSE).await;
            }
        }
    }
}

/// All services on this machine. Removes the leftovers of dead ones.
///
/// # Errors
/// If the runtime directory cannot be read.
pub async fn list(dirs: &Dirs) -> Result<Vec<Service>, PlaceError> {
    let mut asking = JoinSet::new();
    for name in names(dirs)? {
        let dirs = dirs.clone();
        asking.spawn(async move { query(&dirs, name).await });
    }
    let mut services: Vec<Service> = asking.join_all().await.into_iter().flatten().collect();
    services.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(services)
}

async fn query(dirs: &Dirs, name: String) -> Option<Service> {
    let connected = timeout(TIMEOUT, reach(dirs, &name)).await;
    let state = match connected {
        Ok(Ok(Some(connected))) => State::Live(Box::new(connected.status)),
        Ok(Ok(None)) if clean(dirs, &name) => return None,
        Ok(Ok(None)) => State::Unreachable("it is starting or stopping".to_owned()),
        Ok(Err(error)) => State::Unreachable(error.to_string()),
        Err(_) => State::Unreachable("it does not answer".to_owned()),
    };
    Some(Service {
        name,
        place: PlaceName::Local,
        user: String::new(),
        state,
    })
}

/// Whether a service of this name runs on this machine, or has left files.
pub fn is_there(dirs: &Dirs, name: &str) -> bool {
    service::check(name).is_ok() && dirs.runtime.join(name).is_dir()
}

/// Names of services with a folder, running or not.
fn names(dirs: &Dirs) -> Result<Vec<String>, PlaceError> {
    let read = |source| PlaceError::Read {
        path: dirs.runtime.clone(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dirs.runtime).map_err(read)? {
        let entry = entry.map_err(read)?;
        // Ignore files and links, which kt does not create.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name().into_string();
        names.extend(name.ok().filter(|name| service::check(name).is_ok()));
    }
    Ok(names)
}

/// Removes the leftovers of a host that has exited. Returns false if a host is running.
fn clean(dirs: &Dirs, name: &str) -> bool {
    let folder = dirs.runtime.join(name);
    if !folder.is_dir() {
        return true;
    }
    // No host can start while this process holds the lock.
    let Ok(TryLock::Held(lock)) = ServiceLock::try_acquire(&dirs.lock(name)) else {
        return false;
    };
    let _ = std::fs::remove_file(folder.join("socket"));
    for objects in ["objects", "loaded"] {
        let _ = std::fs::remove_dir_all(dirs.service(name).join(objects));
    }
    lock.remove();
    let _ = std::fs::remove_dir(folder);
    true
}
