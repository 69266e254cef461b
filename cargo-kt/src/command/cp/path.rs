//! `data.bin`, `:/kt/data.bin`, `SERVICE:out`: paths here and at services, as scp(1) tells them from each other.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use crate::command::CopyError;

/// A path, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Here(PathBuf),
    There {
        /// `None`: this workspace's.
        service: Option<String>,
        path: OsString,
    },
}

impl Named {
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
                Self::There {
                    service: (!name.is_empty()).then_some(name),
                    path: path.to_owned(),
                }
            }
            None => Self::Here(text.into()),
        }
    }
}

/// What goes where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// `None`: this workspace's.
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

impl Asked {
    /// Reads the paths of a command line, the target last.
    ///
    /// # Errors
    /// If they do not lead from here to one service, or from one service to here.
    pub(super) fn read(paths: &[OsString]) -> Result<Self, CopyError> {
        let Some((target, sources)) = paths.split_last() else {
            return Err(CopyError::OneSide);
        };
        let sources = sources.iter().map(|path| Named::parse(path));
        match Named::parse(target) {
            Named::There { service, path } => {
                let count = sources.len();
                let here = sources.filter_map(|source| match source {
                    Named::Here(path) => Some(path),
                    Named::There { .. } => None,
                });
                let sources: Vec<_> = here.collect();
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
            Named::Here(target) => {
                let count = sources.len();
                let mut services = Vec::new();
                let mut there = Vec::new();
                for source in sources {
                    if let Named::There { service, path } = source {
                        services.push(service);
                        there.push(path);
                    }
                }
                match there.len() {
                    0 => return Err(CopyError::OneSide),
                    some if some < count => return Err(CopyError::MixedSources),
                    _ => {}
                }
                services.dedup();
                match &services[..] {
                    [service] => Ok(Self {
                        service: service.clone(),
                        direction: Direction::FromService {
                            sources: there,
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
        let there = |service: Option<&str>, path: &str| Named::There {
            service: service.map(str::to_owned),
            path: path.into(),
        };
        let here = |path: &str| Named::Here(path.into());
        for (text, named) in [
            (":/tmp/out", there(None, "/tmp/out")),
            (":out", there(None, "out")),
            (":", there(None, ".")),
            ("app:", there(Some("app"), ".")),
            ("app:/a:b", there(Some("app"), "/a:b")),
            ("out", here("out")),
            ("./a:b", here("./a:b")),
            ("/a:b", here("/a:b")),
        ] {
            assert_eq!(Named::parse(OsStr::new(text)), named, "{text}");
        }
    }

    #[test]
    fn one_side_is_here_and_the_other_is_one_service() {
        let read = |paths: &[&str]| {
            let paths: Vec<OsString> = paths.iter().map(OsString::from).collect();
            Asked::read(&paths)
        };
        let asked = read(&["a", "b", "app:to"]).expect("it is one");
        assert_eq!(asked.service.as_deref(), Some("app"));
        let asked = read(&[":a", ":b", "to"]).expect("it is one");
        assert_eq!(asked.service, None);
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
