use std::{error::Error, io, path::PathBuf, time::Duration};

use kt::wire::client::RequestError;

/// Why a service cannot be reached, started or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    #[error(
        "the path of the service's socket has {length} bytes and Linux allows {limit}: {}\nhelp: set {variable} to a shorter directory", path.display()
    )]
    SocketPathTooLong {
        path: PathBuf,
        length: usize,
        limit: usize,
        /// The environment variable that the path comes from, or the one that overrides it.
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
    #[error("neither {} nor {} can be written to: {source}\nhelp: set KT_HOME to a directory that can", path.display(), fallback.display())]
    NoCache {
        path: PathBuf,
        fallback: PathBuf,
        source: io::Error,
    },
    #[error("`{name}` is no name of a service: it is made of the letters a-z, digits and `-`")]
    BadName { name: String },
    #[error("no service `{name}` here{}", nearest.as_ref().map(|name| format!(": did you mean `{name}`?")).unwrap_or_default())]
    NoService {
        name: String,
        nearest: Option<String>,
    },
    #[error("{}", which(names))]
    WhichService { names: Vec<String> },
    #[error(
        "there are several services `{service}`: in {}\nhelp: say which with `--context` and `--namespace`", places.join(" and in ")
    )]
    WhichPlace {
        service: String,
        places: Vec<String>,
    },
    #[error(
        "service `{service}` was started by {}kt {theirs} and this is kt {ours}\nhelp: end it with `cargo kt down {service}`; its state is lost",
        if theirs == ours { "another build of " } else { "" }
    )]
    OtherVersion {
        service: String,
        theirs: String,
        ours: &'static str,
    },
    #[error("service `{service}` does not let us in: it belongs to another user or wants a token")]
    Forbidden { service: String },
    #[error("the host of service `{service}` did not come up: {why}")]
    HostStart { service: String, why: String },
    #[error(
        "service `{service}` did not answer within {} s\nhelp: `cargo kt down {service}` ends it", after.as_secs()
    )]
    Silent { service: String, after: Duration },
    #[error("service `{service}` does not end: process {pid} survived SIGKILL")]
    DoesNotEnd { service: String, pid: u32 },
    #[error("service `{service}` does not end, and who runs it cannot be told")]
    UnknownHost { service: String },
    #[error("failed to talk to service `{service}`: {source}")]
    Connection { service: String, source: io::Error },
    #[error("service `{service}` refused: {source}")]
    Request {
        service: String,
        source: RequestError,
    },
    #[error("service `{service}` is not up yet")]
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
