use std::io;

/// Why ports cannot be forwarded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    #[error("failed to listen on port {port} of this machine{}", help(source))]
    Bind { port: u16, source: io::Error },
    #[error("failed to listen on port {port} of {service}: {why}")]
    Listen {
        port: u16,
        service: String,
        why: String,
    },
    #[error("service `{service}` ended, and the connections with it")]
    ServiceEnded { service: String },
}

fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program has it\nhelp: `cargo kt forward 0:PORT` takes one that is free"
        }
        io::ErrorKind::PermissionDenied => "\nhelp: ports below 1024 are root's: take a higher one",
        _ => "",
    }
}
