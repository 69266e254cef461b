//! Parses `data.bin`, `:/kt/data.bin`, `SERVICE:out`: local paths and paths in services, with
//! scp(1)'s rules.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use crate::command::CopyError;

/// A local path, or a path in a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    Local(PathBuf),
    Remote {
        /// `None`: this workspace's service.
        service: Option<String>,
        path: OsString,
    },
}

impl Location {
    fn parse(text: &OsStr) -> Self {
        let bytes = text.as_bytes();
        let colon = bytes.iter().position(|byte| matches!(byte, b':' | b'/'));
        match colon.filter(|&colon| bytes[colon] == b':') {
            Some(colon) => {
                let (name, path) = (&bytes[..colon], &bytes[colon + 1..]);
                let name = String::from_utf8_lossy(name).into_owned();
                let path = match path {
                    b"" => OsStr::new("."),
                    path => OsStr::from_bytes(path),
                };
                Self::Remote {
                    service: (!name.is_empty()).then_some(name),
                    path: path.to_owned(),
                }
            }
            None => Self::Local(text.into()),
        }
    }
}

/// The parsed paths of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyPaths {
    /// `None`: this workspace's service.
    pub(super) service: Option<String>,
    pub(super) direction: Direction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Direction {
    ToService {
        sources: Vec<PathBuf>,
        target: OsString,
    },
    FromService {
        sources: Vec<OsString>,
        target: PathBuf,
    },
}

impl CopyPaths {
    /// Reads the paths of a command line, the target last.
    ///
    /// # Errors
    /// If they are not from the local machine to one service, or from one service to the local
    /// machine.
    pub(super) fn read(paths: &[OsString]) -> Result<Self, CopyError> {
        let Some((target, sources)) = paths.split_last() else {
            return Err(CopyError::OneSide);
        };
        let sources = sources.iter().map(|path| Location::parse(path));
        match Location::parse(target) {
            Location::Remote { service, path } => {
                let count = sources.len();
                let local = sources.filter_map(|source| match source {
                    Location::Local(path) => Some(path),
                    Location::Remote { .. } => None,
                });
                let sources: Vec<_> = local.collect();
                match sources.len() {
                    0 => return Err(CopyError::TwoServices),
                    some if some < count => return Err(CopyError::MixedSources),
                    _ => {}
                }
                let direction = Direction::ToService {
                    sources,
                    target: path,
                };
                Ok(Self { service, direction })
            }
            Location::Local(target) => {
                let count = sources.len();
                let mut services = Vec::new();
                let mut remote = Vec::new();
                for source in sources {
                    if let Location::Remote { service, path } = source {
                        services.push(service);
                        remote.push(path);
                    }
                }
                match remote.len() {
                    0 => return Err(CopyError::OneSide),
                    some if some < count => return Err(CopyError::MixedSources),
                    _ => {}
                }
                services.dedup();
                match &services[..] {
                    [service] => Ok(Self {
                        service: service.clone(),
                        direction: Direction::FromService {
                            sources: remote,
                            target,
                        },
                    }),
                    _ => Err(CopyError::TwoServices),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_before_any_slash_names_a_service() {
        let remote = |service: Option<&str>, path: &str| Location::Remote {
            service: service.map(str::to_owned),
            path: path.into(),
        };
        let local = |path: &str| Location::Local(path.into());
        for (text, named) in [
            (":/tmp/out", remote(None, "/tmp/out")),
            (":out", remote(None, "out")),
            (":", remote(None, ".")),
            ("app:", remote(Some("app"), ".")),
            ("app:/a:b", remote(Some("app"), "/a:b")),
            ("out", local("out")),
            ("./a:b", local("./a:b")),
            ("/a:b", local("/a:b")),
        ] {
            assert_eq!(Location::parse(OsStr::new(text)), named, "{text}");
        }
    }

    #[test]
    fn one_side_is_local_and_the_other_is_one_service() {
        let read = |paths: &[&str]| {
            let paths: Vec<OsString> = paths.iter().map(OsString::from).collect();
            CopyPaths::read(&paths)
        };
        let paths = read(&["a", "b", "app:to"]).expect("valid paths");
        assert_eq!(paths.service.as_deref(), Some("app"));
        let paths = read(&[":a", ":b", "to"]).expect("valid paths");
        assert_eq!(paths.service, None);
        assert!(matches!(read(&["a", "b"]), Err(CopyError::OneSide)));
        for paths in [&[":a", "b", "to"][..], &["a", ":b", ":to"]] {
            assert!(
                matches!(read(paths), Err(CopyError::MixedSources)),
                "{paths:?}"
            );
        }
        for paths in [&["a:x", "b:y", "to"][..], &[":a", ":b"]] {
            assert!(
                matches!(read(paths), Err(CopyError::TwoServices)),
                "{paths:?}"
            );
        }
    }
}
