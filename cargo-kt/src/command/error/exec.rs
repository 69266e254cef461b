use kt::wire::command::NotStarted;

use crate::place::Connected;

/// Why a command next to a worker did not run to completion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    #[error(
        "`{program}` not found in {service}\nhelp: `cargo kt ssh` provides a shell with the usual commands for images without one"
    )]
    NotFound { program: String, service: String },
    #[error("no such directory `{directory}` in {service}")]
    NoDirectory { directory: String, service: String },
    #[error("failed to {what} in {service}: {why}")]
    Failed {
        what: String,
        why: String,
        service: String,
    },
    #[error(
        "the image has no shell, and no static busybox for {architecture} was found on this machine\n\
         help: install one (Debian and Ubuntu: `apt install busybox-static`; Fedora: `dnf install busybox`; Alpine: `apk add busybox-static`), or run a program of the image: `cargo kt exec -- PROGRAM`"
    )]
    NoShell { architecture: String },
    #[error("service `{service}` stopped, and the command with it")]
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
                why: "the uploaded shell was removed; try again".to_owned(),
                service,
            },
        }
    }
}
