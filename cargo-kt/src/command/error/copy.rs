use std::ffi::OsStr;

use kt::wire::files::{Problem, Why};

use crate::terminal::{escape, text};

/// Why something was not copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    #[error(
        "no path names a service: `:PATH` is a path in this workspace's service, `SERVICE:PATH` in another\n\
         help: `cargo kt cp FILE :/tmp/` copies to a service, `cargo kt cp :/tmp/FILE .` from one"
    )]
    OneSide,
    #[error(
        "cannot copy between two services\nhelp: copy to this machine first, then to the other service"
    )]
    TwoServices,
    #[error("cannot mix local sources and sources in a service\nhelp: copy them with two commands")]
    MixedSources,
    #[error("failed to copy `{path}`{in_service}: {why}{help}")]
    Problem {
        path: String,
        /// ` in SERVICE`, or empty.
        in_service: String,
        why: String,
        help: String,
    },
    #[error("failed to copy {count}")]
    Incomplete { count: String },
    #[error(
        "lost the connection to {service}: the copy is incomplete\nhelp: run the same command again to resume it"
    )]
    Broken { service: String },
    #[error("interrupted: the copy is incomplete\nhelp: run the same command again to resume it")]
    Interrupted,
    #[error("{service} sent an unexpected message during the copy\nhelp: report this as a bug")]
    Protocol { service: String },
}

impl CopyError {
    /// `service`: where the file is; `None` for this machine.
    pub(in crate::command) fn problem(problem: &Problem, service: Option<&str>) -> Self {
        Self::Problem {
            path: shown(&problem.path),
            in_service: service.map_or_else(String::new, |service| format!(" in {service}")),
            why: why(&problem.why),
            help: help(problem, service).map_or_else(String::new, |help| format!("\nhelp: {help}")),
        }
    }
}

/// Escapes a path for the terminal: it may come from a service.
pub(in crate::command) fn shown(path: &OsStr) -> String {
    let escaped = escape::escaped(path.as_encoded_bytes());
    String::from_utf8_lossy(&escaped).replace('\n', "\\n")
}

pub(in crate::command) fn why(why: &Why) -> String {
    match why {
        Why::NoRoom { needed, available } => format!(
            "needs {}, but only {} are free",
            text::bytes(*needed),
            text::bytes(*available)
        ),
        why => why.to_string(),
    }
}

fn help(problem: &Problem, service: Option<&str>) -> Option<String> {
    let path = shown(&problem.path);
    let create = |folder: &str| match service {
        Some(_) => format!("create it first: `cargo kt exec -- mkdir -p {folder}`"),
        None => format!("create it first: `mkdir -p {folder}`"),
    };
    match &problem.why {
        Why::NoFolder => Some(create(&path)),
        Why::NoParent => {
            let folder = std::path::Path::new(&problem.path).parent()?;
            Some(create(&shown(folder.as_os_str())))
        }
        Why::Busy => Some("wait for it to finish, or stop it".to_owned()),
        Why::WrongHash => Some("run the same command again".to_owned()),
        Why::NoRoom { .. } => Some(match service {
            Some(_) => "free space with `cargo kt ssh`, or use a directory on another volume".to_owned(),
            None => "free space, or use a directory on another disk".to_owned(),
        }),
        Why::System { error, user, .. } => match (*error, service) {
            (libc::EROFS, Some(_)) => Some(
                "it is on a read-only file system: use a directory on a writable volume, such as /tmp"
                    .to_owned(),
            ),
            (libc::EACCES | libc::EPERM, Some(_)) => Some(format!(
                "the service runs as user {user}: use a path that this user can access"
            )),
            _ => None,
        },
        _ => None,
    }
}
