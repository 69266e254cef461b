use kt::wire::command::NotStarted;

use crate::place::Connected;

/// Why a command next to a worker could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    #[error(
        "`{program}` was not found at {service}\nhelp: `cargo kt ssh` brings a shell with the usual commands to images that have none"
    )]
    NotFound { program: String, service: String },
    #[error("there is no directory `{directory}` at {service}")]
    NoDirectory { directory: String, service: String },
    #[error("failed to {what} at {service}: {why}")]
    Failed {
        what: String,
        why: String,
        service: String,
    },
    #[error(
        "the image has no shell, and this machine has no static busybox for {architecture} to send\n\
         help: install one (Debian and Ubuntu: `apt install busybox-static`; Fedora: `dnf install busybox`; Alpine: `apk add busybox-static`), or run a program of the image: `cargo kt exec -- PROGRAM`"
    )]
    NoShell { architecture: String },
    #[error("service `{service}` ended, and the command with it")]
    ServiceEnded { service: String },
}

impl ExecError {
    pub(in crate::command) fn not_started(connected: &Connected, refused: NotStarted) -> Self {
        let service = connected.service.clone();
        match refused {
            NotStarted::NotFound { program } => Self::NotFound {
                program: program.display().to_string(),
                service,
            },
            NotStarted::NoDirectory { directory } => Self::NoDirectory {
                directory: directory.display().to_string(),
                service,
            },
            NotStarted::Failed { what, why } => Self::Failed { what, why, service },
            NotStarted::NoShell | NotStarted::NotStored => Self::Failed {
                what: "start a shell".to_owned(),
                why: "the one that was sent is gone; try again".to_owned(),
                service,
            },
        }
    }
}
