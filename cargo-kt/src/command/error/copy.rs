use std::ffi::OsStr;

use kt::wire::files::{Problem, Why};

use crate::terminal::{escape, text};

/// Why something was not copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    #[error(
        "none of the paths is a service's: a `:` before the path names this workspace's, `SERVICE:` another\n\
         help: `cargo kt cp FILE :/tmp/` copies to a service, `cargo kt cp :/tmp/FILE .` from one"
    )]
    OneSide,
    #[error(
        "files are copied between this machine and one service\nhelp: copy them here first, and from here to the other"
    )]
    TwoServices,
    #[error(
        "some of the sources are of this machine and some of a service\nhelp: copy them with two commands"
    )]
    MixedSources,
    #[error("failed to copy `{path}`{at}: {why}{help}")]
    Problem {
        path: String,
        /// ` at SERVICE`, or nothing.
        at: String,
        why: String,
        help: String,
    },
    #[error("{count} could not be copied")]
    Incomplete { count: String },
    #[error(
        "the connection to {service} broke: not all was copied\nhelp: run the same command again: it goes on where it was"
    )]
    Broken { service: String },
    #[error(
        "interrupted: not all was copied\nhelp: run the same command again: it goes on where it was"
    )]
    Interrupted,
    #[error("{service} sent what has no place in a copy\nhelp: report this")]
    Protocol { service: String },
}

impl CopyError {
    /// `service`: whose file it is; `None` for one of this machine.
    pub(in crate::command) fn problem(problem: &Problem, service: Option<&str>) -> Self {
        Self::Problem {
            path: shown(&problem.path),
            at: service.map_or_else(String::new, |service| format!(" at {service}")),
            why: why(&problem.why),
            help: help(problem, service).map_or_else(String::new, |help| format!("\nhelp: {help}")),
        }
    }
}

/// A path on a terminal: it may come from a service.
pub(in crate::command) fn shown(path: &OsStr) -> String {
    let escaped = escape::escaped(path.as_encoded_bytes());
    String::from_utf8_lossy(&escaped).replace('\n', "\\n")
}

pub(in crate::command) fn why(why: &Why) -> String {
    match why {
        Why::NoRoom { needed, available } => format!(
            "it needs {} and {} are free there",
            text::bytes(*needed),
            text::bytes(*available)
        ),
        why => why.to_string(),
    }
}

fn help(problem: &Problem, service: Option<&str>) -> Option<String> {
    let path = shown(&problem.path);
    let make = |folder: &str| match service {
        Some(_) => format!("make it first: `cargo kt exec -- mkdir -p {folder}`"),
        None => format!("make it first: `mkdir -p {folder}`"),
    };
    match &problem.why {
        Why::NoFolder => Some(make(&path)),
        Why::NoParent => {
            let folder = std::path::Path::new(&problem.path).parent()?;
            Some(make(&shown(folder.as_os_str())))
        }
        Why::Busy => Some("wait for it, or end it".to_owned()),
        Why::WrongHash => Some("run the same command again".to_owned()),
        Why::NoRoom { .. } => Some(match service {
            Some(_) => "free some with `cargo kt ssh`, or take a folder on another volume".to_owned(),
            None => "free some, or take a folder on another disk".to_owned(),
        }),
        Why::System { error, user, .. } => match (*error, service) {
            (libc::EROFS, Some(_)) => Some(
                "it lies on a read-only file system: take a folder on a volume that can be written, such as /tmp"
                    .to_owned(),
            ),
            (libc::EACCES | libc::EPERM, Some(_)) => Some(format!(
                "the service runs as user {user}: take a path that this user has access to"
            )),
            _ => None,
        },
        _ => None,
    }
}
