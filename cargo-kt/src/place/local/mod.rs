//! Services on this machine: a host process in the background for each, reached through a Unix socket.

mod end;
mod environment;
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

pub use end::down;
pub use environment::environment_of;
pub use logs::{log_pieces, logs};

use super::{Connected, Dirs, PlaceError, PlaceName, Service, State, connected, service};

/// First argument of this executable when it is to be a host.
pub const HOST_COMMAND: &str = "host";

/// How long a service here lives without a call by default. The option's default is the same.
const DEFAULT_TTL: Duration = Duration::from_secs(8 * 3600);
/// How long a service may take from its start, or another's end, to its first answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two attempts, while another host starts or ends.
const PAUSE: Duration = Duration::from_millis(20);

/// The service that a program wants.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// As [`service::name`] makes it.
    pub name: String,
    /// Root of the program's workspace.
    pub workspace: String,
    /// Where remote functions find relative paths.
    pub working_directory: PathBuf,
    /// `None`: that of a running service, else `default_ttl`.
    pub inactivity_ttl: Option<Duration>,
    /// Of a new service, if nobody wished for another.
    pub default_ttl: Duration,
    /// Limit of a call's arguments or result, bytes; of a new service.
    pub body_limit: usize,
    /// How long a call at a breakpoint waits for a debugger.
    pub breakpoint_timeout: Duration,
    /// Of the host and its workers.
    pub environment: BTreeMap<OsString, OsString>,
    /// The command line that runs a host, to which its options are added: `cargo-kt host`.
    pub host: Vec<OsString>,
}

impl ServiceSpec {
    /// A service with the defaults, whose host is this executable.
    ///
    /// # Errors
    /// If the path of this executable cannot be told.
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

/// Connects to the program's service, and starts it if it does not run. If a service of its name runs for another workspace,
/// this one's name gets a hash of its workspace.
///
/// # Errors
/// If its host cannot be started, is another version's, or does not answer.
pub async fn connect_or_start(dirs: &Dirs, spec: &ServiceSpec) -> Result<Connected, PlaceError> {
    service::check(&spec.name)?;
    let own = service::name_in(&spec.name, &spec.workspace);
    // The longer name first: it is taken for as long as that service lives, also once the shorter one is free.
    let mut connected = match reach(dirs, &own).await? {
        Some(connected) => connected,
        None => match find_or_start(dirs, spec, &spec.name).await? {
            Some(connected) => connected,
            None => find_or_start(dirs, spec, &own)
                .await?
                .ok_or(PlaceError::Silent {
                    service: own,
                    after: PATIENCE,
                })?,
        },
    };
    connected.check_version()?;
    if let Some(ttl) = spec.inactivity_ttl {
        connected.set_ttl(ttl).await?;
    }
    Ok(connected)
}

/// The service of this name.
///
/// # Errors
/// If there is none, it cannot be reached, or its host is another version's.
pub async fn connect(dirs: &Dirs, name: &str) -> Result<Connected, PlaceError> {
    service::check(name)?;
    match reach(dirs, name).await? {
        Some(connected) => connected.check_version().map(|()| connected),
        None => Err(end::no_service(dirs, name)),
    }
}

/// The program's service, if it runs.
///
/// # Errors
/// If it cannot be reached, or its host is another version's.
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

/// The service of this name, if it runs.
async fn reach(dirs: &Dirs, name: &str) -> Result<Option<Connected>, PlaceError> {
    connected::at(name, &dirs.socket(name)?, limits::HANDSHAKE).await
}

/// `None` if the name belongs to another workspace.
async fn find_or_start(
    dirs: &Dirs,
    spec: &ServiceSpec,
    name: &str,
) -> Result<Option<Connected>, PlaceError> {
    let options = spec.options(dirs, name)?;
    let deadline = Instant::now() + PATIENCE;
    let mut started = false;
    loop {
        if let Some(mut connected) = reach(dirs, name).await? {
            connected.started = started;
            let expired = started.then(|| Expired::take(&options.directory)).flatten();
            connected.expired = expired.filter(|it| it.workspace == spec.workspace);
            let ours = connected.status.workspace == spec.workspace;
            return Ok(ours.then_some(connected));
        }
        if Instant::now() > deadline {
            return Err(PlaceError::Silent {
                service: name.to_owned(),
                after: PATIENCE,
            });
        }
        match start::start(spec, &options).await? {
            start::Started::Ready => started = true,
            // Another `cargo kt` starts it at this moment, or it is just ending.
            start::Started::Taken => sleep(PAUSE).await,
        }
    }
}

/// Every service that lives here; what dead ones left is removed.
///
/// # Errors
/// If the directory of sockets cannot be read.
pub async fn list(dirs: &Dirs) -> Result<Vec<Service>, PlaceError> {
    let mut asking = JoinSet::new();
    for name in names(dirs)? {
        let dirs = dirs.clone();
        asking.spawn(async move { look(&dirs, name).await });
    }
    let mut services: Vec<Service> = asking.join_all().await.into_iter().flatten().collect();
    services.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(services)
}

async fn look(dirs: &Dirs, name: String) -> Option<Service> {
    let connected = timeout(PATIENCE, reach(dirs, &name)).await;
    let state = match connected {
        Ok(Ok(Some(connected))) => State::Live(Box::new(connected.status)),
        Ok(Ok(None)) if clean(dirs, &name) => return None,
        Ok(Ok(None)) => State::Unreachable("it is starting or ending".to_owned()),
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

/// Whether a service of this name lives here, or has left something that says so.
pub fn is_there(dirs: &Dirs, name: &str) -> bool {
    service::check(name).is_ok() && dirs.runtime.join(name).is_dir()
}

/// Folders of services, dead or alive.
fn names(dirs: &Dirs) -> Result<Vec<String>, PlaceError> {
    let read = |source| PlaceError::Read {
        path: dirs.runtime.clone(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dirs.runtime).map_err(read)? {
        let entry = entry.map_err(read)?;
        // A file that is not ours, or a link that somebody made, is no service.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name().into_string();
        names.extend(name.ok().filter(|name| service::check(name).is_ok()));
    }
    Ok(names)
}

/// Removes what a host left that is gone. False if one is there after all.
fn clean(dirs: &Dirs, name: &str) -> bool {
    let folder = dirs.runtime.join(name);
    if !folder.is_dir() {
        return true;
    }
    // While we hold the lock no host can start here.
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
