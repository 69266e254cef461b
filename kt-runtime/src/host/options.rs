//! Options of a host, and their encoding as command-line arguments.

use std::{
    ffi::{OsStr, OsString},
    os::fd::RawFd,
    path::PathBuf,
    time::Duration,
};

use crate::wire::{limits, platform::ImageGlibc};

/// How long a service keeps running without activity, by default.
pub const DEFAULT_TTL: Duration = Duration::from_secs(600);

/// All options of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOptions {
    pub service: String,
    /// Where the service stores objects, logs and `host.log`.
    pub directory: PathBuf,
    /// The socket to listen on. Its directory is accessible to this user only (0700) and also
    /// contains the lock.
    pub socket: PathBuf,
    /// Root of the service's workspace, to distinguish services with the same name.
    pub workspace: String,
    /// The workers' working directory; `/` if it does not exist.
    pub working_directory: PathBuf,
    pub inactivity_ttl: Duration,
    /// File with the token that every connection must send. Without one, the socket's mode and the
    /// peer's uid decide. In a pod it applies to TCP only.
    pub token_file: Option<PathBuf>,
    /// Limit of a call's arguments or result, in bytes.
    pub body_limit: usize,
    /// How long a call at a breakpoint waits for a debugger.
    pub breakpoint_timeout: Duration,
    /// Set if the host is the first process of a container.
    pub pod: Option<Pod>,
}

/// Options of a host in a container. There the host waits for a first generation, restarts the last
/// serving one after a restart, copies the workers' output to its own standard output, and reaps
/// orphaned processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// A listening TCP socket, inherited from the first stage.
    pub listener: Option<RawFd>,
    /// A connection whose client is about to send its preamble, inherited from the first stage.
    pub connection: Option<RawFd>,
    /// Port for the kubelet's `GET /ready` probe, on all addresses: is a worker serving?
    pub ready_port: Option<u16>,
    /// The image's glibc, if the host itself runs on another one.
    pub glibc: Option<ImageGlibc>,
}

impl HostOptions {
    /// The command line after the program name and `host`.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut put = |name: &str, value: &OsStr| arguments.extend([name.into(), value.to_owned()]);
        put("--service", self.service.as_ref());
        put("--dir", self.directory.as_ref());
        put("--socket", self.socket.as_ref());
        put("--workspace", self.workspace.as_ref());
        put("--cwd", self.working_directory.as_ref());
        put(
            "--ttl-ms",
            self.inactivity_ttl.as_millis().to_string().as_ref(),
        );
        put("--body-limit", self.body_limit.to_string().as_ref());
        put(
            "--breakpoint-timeout-ms",
            self.breakpoint_timeout.as_millis().to_string().as_ref(),
        );
        if let Some(file) = &self.token_file {
            put("--token-file", file.as_ref());
        }
        if let Some(pod) = &self.pod {
            arguments.push("--pod".into());
            let mut put = |name: &str, value: Option<String>| {
                arguments.extend(
                    value
                        .into_iter()
                        .flat_map(|value| [name.into(), value.into()]),
                );
            };
            put("--listener-fd", pod.listener.map(|fd| fd.to_string()));
            put("--connection-fd", pod.connection.map(|fd| fd.to_string()));
            put("--ready-port", pod.ready_port.map(|port| port.to_string()));
            put("--glibc", pod.glibc.map(|glibc| glibc.to_string()));
        }
        arguments
    }

    /// The inverse of [`arguments`](Self::arguments).
    ///
    /// # Errors
    /// If an argument is unknown, lacks its value, or a required one is missing.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let (mut service, mut directory, mut socket) = (None, None, None);
        let mut workspace = String::new();
        let mut working_directory = PathBuf::from("/");
        let mut inactivity_ttl = DEFAULT_TTL;
        let mut token_file = None;
        let mut body_limit = limits::BODY;
        let mut breakpoint_timeout = limits::BREAKPOINT;
        let mut pod: Option<Pod> = None;
        while let Some(name) = arguments.next() {
            let name = name.to_string_lossy().into_owned();
            if name == "--pod" {
                pod.get_or_insert_default();
                continue;
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} requires a value"))?;
            let number = || -> Result<u64, String> {
                let text = value.to_string_lossy();
                text.parse()
                    .map_err(|_| format!("{name} requires a number, not `{text}`"))
            };
            match name.as_str() {
                "--service" => service = Some(value.to_string_lossy().into_owned()),
                "--dir" => directory = Some(value.into()),
                "--socket" => socket = Some(value.into()),
                "--workspace" => workspace = value.to_string_lossy().into_owned(),
                "--cwd" => working_directory = value.into(),
                "--ttl-ms" => inactivity_ttl = Duration::from_millis(number()?),
                "--body-limit" => {
                    body_limit = usize::try_from(number()?).map_err(|error| error.to_string())?;
                }
                "--breakpoint-timeout-ms" => {
                    breakpoint_timeout = Duration::from_millis(number()?);
                }
                "--token-file" => token_file = Some(value.into()),
                "--listener-fd" => {
                    pod.get_or_insert_default().listener = Some(small(number()?)?);
                }
                "--connection-fd" => {
                    pod.get_or_insert_default().connection = Some(small(number()?)?);
                }
                "--ready-port" => {
                    pod.get_or_insert_default().ready_port = Some(small(number()?)?);
                }
                "--glibc" => {
                    let text = value.to_string_lossy();
                    let glibc = text.parse().map_err(|()| {
                        format!("{name} requires a version such as 2.31 or `none`, not `{text}`")
                    })?;
                    pod.get_or_insert_default().glibc = Some(glibc);
                }
                _ => return Err(format!("unknown argument {name}")),
            }
        }
        let missing = |name: &str| format!("{name} is missing");
        Ok(Self {
            service: service.ok_or_else(|| missing("--service"))?,
            directory: directory.ok_or_else(|| missing("--dir"))?,
            socket: socket.ok_or_else(|| missing("--socket"))?,
            workspace,
            working_directory,
            inactivity_ttl,
            token_file,
            body_limit,
            breakpoint_timeout,
            pod,
        })
    }
}

fn small<T: TryFrom<u64, Error: ToString>>(number: u64) -> Result<T, String> {
    T::try_from(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_a_command_line() {
        let options = HostOptions {
            service: "alice-app".into(),
            directory: "/cache/a b".into(),
            socket: "/run/kt/alice-app/socket".into(),
            workspace: "/src/app".into(),
            working_directory: "/src".into(),
            inactivity_ttl: Duration::from_millis(1500),
            token_file: Some("/run/token".into()),
            body_limit: 5,
            breakpoint_timeout: Duration::from_secs(7),
            pod: None,
        };
        let in_pod = HostOptions {
            pod: Some(Pod {
                listener: Some(4),
                connection: None,
                ready_port: Some(9462),
                glibc: Some(ImageGlibc::Missing),
            }),
            ..options.clone()
        };
        let in_bare_pod = HostOptions {
            pod: Some(Pod::default()),
            ..options.clone()
        };
        for options in [options, in_pod, in_bare_pod] {
            assert_eq!(HostOptions::parse(options.arguments()), Ok(options));
        }
    }

    #[test]
    fn errors_in_a_command_line_are_reported() {
        let parse = |text: &str| HostOptions::parse(text.split(' ').map(OsString::from));
        assert_eq!(parse("--dir").unwrap_err(), "--dir requires a value");
        assert_eq!(parse("--dir /d").unwrap_err(), "--service is missing");
        assert_eq!(parse("--what 1").unwrap_err(), "unknown argument --what");
        assert_eq!(
            parse("--ttl-ms ten").unwrap_err(),
            "--ttl-ms requires a number, not `ten`"
        );
        assert_eq!(
            parse("--glibc old").unwrap_err(),
            "--glibc requires a version such as 2.31 or `none`, not `old`"
        );
    }
}
