use std::{io, path::PathBuf};

/// Why SSH cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshServerError {
    #[error("failed to listen on port {port} of this machine{}", help(source))]
    Bind { port: u16, source: io::Error },
    #[error("service `{service}` ended, and the connections with it")]
    ServiceEnded { service: String },
    #[error(
        "others can read {}: its mode is {mode:o}\nhelp: remove the folder that it lies in, and new keys are made", path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "{} is not a key of kt: {why}\nhelp: remove the folder that it lies in, and new keys are made", path.display()
    )]
    Key { path: PathBuf, why: String },
    #[error("failed to make keys in {}", path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("the connection failed: {0}")]
    Connection(russh::Error),
}

fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program has it\nhelp: `cargo kt ssh --server` takes one that is free"
        }
        io::ErrorKind::PermissionDenied => "\nhelp: ports below 1024 are root's: take a higher one",
        _ => "",
    }
}
