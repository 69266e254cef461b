use std::{error::Error, io, path::PathBuf, time::Duration};

use kt::wire::client::RequestError;

/// Why a service cannot be reached, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    #[error(
        "the service's socket path has {length} bytes, but Linux allows {limit}: {}\nhelp: set {variable} to a shorter directory", path.display()
    )]
    SocketPathTooLong {
        path: PathBuf,
        length: usize,
        limit: usize,
        /// The environment variable that sets or overrides the path.
        variable: &'static str,
    },
    #[error("{} cannot be used for sockets: {why}\nhelp: {help}", path.display())]
    RuntimeDirectory {
        path: PathBuf,
        why: String,
        help: String,
    },
    #[error("{} is not safe for the cache: {why}\nhelp: {help}", path.display())]
    CacheDirectory {
        path: PathBuf,
        why: String,
        help: String,
    },
    #[error("failed to write to both {} and {}: {source}\nhelp: set KT_HOME to a writable directory", path.display(), fallback.display())]
    NoCache {
        path: PathBuf,
        fallback: PathBuf,
        source: io::Error,
    },
    #[error(
        "invalid service name `{name}`: use the letters a-z, digits and single `-` between them"
    )]
    BadName { name: String },
    #[error("no service named `{name}`{}", nearest.as_ref().map(|name| format!(": did you mean `{name}`?")).unwrap_or_default())]
    NoService {
        name: String,
        nearest: Option<String>,
    },
    #[error("{}", which(names))]
    WhichService { names: Vec<String> },
    #[error(
        "service `{service}` exists in several places: {}\nhelp: select one with `--context` and `--namespace`", places.join(", ")
    )]
    WhichPlace {
        service: String,
        places: Vec<String>,
    },
    #[error(
        "service `{service}` was started by {}kt {theirs}, but this is kt {ours}\nhelp: stop it with `cargo kt down {service}`; its state is lost",
        if theirs == ours { "another build of " } else { "" }
    )]
    OtherVersion {
        service: String,
        theirs: String,
        ours: &'static str,
    },
    #[error("permission denied: service `{service}` belongs to another user or requires a token")]
    Forbidden { service: String },
    #[error("the host of service `{service}` did not start: {why}")]
    HostStart { service: String, why: String },
    #[error(
        "service `{service}` did not answer within {} s\nhelp: stop it with `cargo kt down {service}`", after.as_secs()
    )]
    Unresponsive { service: String, after: Duration },
    #[error("service `{service}` did not stop: process {pid} survived SIGKILL")]
    DidNotStop { service: String, pid: u32 },
    #[error("service `{service}` did not stop, and its process could not be identified")]
    UnknownHost { service: String },
    #[error("failed to communicate with service `{service}`: {source}")]
    Connection { service: String, source: io::Error },
    #[error("request to service `{service}` failed: {source}")]
    Request {
        service: String,
        source: RequestError,
    },
    #[error("service `{service}` is not running yet")]
    NotUp { service: String },
    /// What failed in a cluster.
    #[error(transparent)]
    Cluster(Box<dyn Error + Send + Sync>),
    #[error("failed to read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
}

fn which(names: &[String]) -> String {
    match names {
        [] => "no services are up\nhelp: `cargo kt run` starts one".into(),
        names => format!("several services are up: name one of {}", names.join(", ")),
    }
}
