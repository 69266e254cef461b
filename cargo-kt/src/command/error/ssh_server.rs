use std::{io, path::PathBuf};

/// Why SSH cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshServerError {
    #[error("failed to listen on local port {port}{}", help(source))]
    Bind { port: u16, source: io::Error },
    #[error("service `{service}` stopped, and the connections with it")]
    ServiceEnded { service: String },
    #[error(
        "insecure permissions {mode:o} on {}: other users can read it\nhelp: remove its directory; kt then generates new keys", path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "failed to read key {}: {why}\nhelp: remove its directory; kt then generates new keys", path.display()
    )]
    Key { path: PathBuf, why: String },
    #[error("failed to generate keys in {}", path.display())]
    Generate { path: PathBuf, source: io::Error },
    #[error("the connection failed: {0}")]
    Connection(russh::Error),
}

fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": port is in use\nhelp: use a free port with `cargo kt ssh --server`"
        }
        io::ErrorKind::PermissionDenied => {
            "\nhelp: ports below 1024 require root: use a higher port"
        }
        _ => "",
    }
}
