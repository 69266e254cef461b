use std::io;

/// Why ports cannot be forwarded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    #[error("failed to listen on local port {port}{}", help(source))]
    Bind { port: u16, source: io::Error },
    #[error("failed to listen on port {port} of {service}: {why}")]
    Listen {
        port: u16,
        service: String,
        why: String,
    },
    #[error("service `{service}` stopped, and the connections with it")]
    ServiceEnded { service: String },
}

fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": port is in use\nhelp: use a free port with `cargo kt forward 0:PORT`"
        }
        io::ErrorKind::PermissionDenied => {
            "\nhelp: ports below 1024 require root: use a higher port"
        }
        _ => "",
    }
}
