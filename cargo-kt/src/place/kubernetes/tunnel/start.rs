//! Starts a tunnel and receives its reports.

use std::{
    fs::{self, File},
    io::{self, Write},
    process::{Command, Stdio},
};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{COMMAND, Report, TunnelOptions};
use crate::place::kubernetes::KubernetesError;

/// Starts a tunnel in the background and waits until its socket exists. Returns false if another
/// process has just started one.
///
/// # Errors
/// If the tunnel exits early, with its own error message. The caller sets a timeout.
pub async fn start(
    options: &TunnelOptions,
    progress: &(dyn Fn(Report) + Send + Sync),
) -> Result<bool, KubernetesError> {
    let failed = |why: String| KubernetesError::Tunnel {
        service: options.workload.name.clone(),
        why,
    };
    let io = |error: io::Error| failed(error.to_string());
    let log = options.directory.join("stderr");
    let stderr = File::create(&log).map_err(io)?;
    let mut command = Command::new(std::env::current_exe().map_err(io)?);
    command
        .arg(COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr);
    kt::host::detach(&mut command);
    let mut command = tokio::process::Command::from(command);
    let mut child = command.spawn().map_err(io)?;
    if let Some(stdin) = child.stdin.take() {
        let mut stdin = File::from(stdin.into_owned_fd().map_err(io)?);
        let options = serde_json::to_vec(options).map_err(|error| failed(error.to_string()))?;
        // This fits into the pipe's buffer, so it does not block.
        stdin.write_all(&options).map_err(io)?;
    }
    let Some(stdout) = child.stdout.take() else {
        return Err(failed("its output cannot be read".to_owned()));
    };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Report::Ready) => return Ok(true),
            Ok(Report::Taken) => return Ok(false),
            Ok(Report::Unfit { why }) => {
                let service = options.workload.name.clone();
                return Err(KubernetesError::UnsuitablePod { service, why });
            }
            Ok(Report::Failed { why }) => return Err(failed(why)),
            Ok(report) => progress(report),
            Err(_) => {}
        }
    }
    let message = fs::read_to_string(&log).unwrap_or_default();
    Err(failed(match message.trim() {
        "" => "the tunnel exited without an error message".to_owned(),
        message => message.to_owned(),
    }))
}
