use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    process::{Command, Stdio},
    time::Duration,
};

use kt::host::{self, HostOptions};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use super::ServiceSpec;
use crate::place::PlaceError;

/// Timeout for a host to report that it is ready.
const START: Duration = Duration::from_secs(10);
/// Size at which the stderr of earlier hosts is discarded.
const STDERR: u64 = 64 << 10;

/// The result of starting a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    Ready,
    /// Another host already serves the name.
    Taken,
}

/// Starts a host in the background and waits until it listens. The host outlives this process and
/// its terminal.
pub async fn start(spec: &ServiceSpec, options: &HostOptions) -> Result<Started, PlaceError> {
    let failed = |why: String| PlaceError::HostStart {
        service: options.service.clone(),
        why,
    };
    let Some((program, arguments)) = spec.host.split_first() else {
        return Err(failed("no host program was given".to_owned()));
    };
    let (writer, mut stderr) = stderr(options).map_err(|error| {
        let path = options.directory.display();
        failed(format!("failed to write to {path}: {error}"))
    })?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .args(options.arguments())
        .env_clear()
        .envs(&spec.environment)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(writer);
    host::detach(&mut command);
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .map_err(|error| failed(format!("failed to execute {}: {error}", program.display())))?;
    tracing::debug!(service = options.service, pid = child.id(), "host started");

    let reported = async {
        let stdout = child.stdout.take()?;
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line.ends_with(host::READY) {
                return Some(Started::Ready);
            } else if line.ends_with(host::TAKEN) {
                return Some(Started::Taken);
            }
        }
        None
    };
    match timeout(START, reported).await {
        Ok(Some(started)) => Ok(started),
        Ok(None) => {
            let _ = timeout(START, child.wait()).await;
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            match text.trim() {
                "" => Err(failed("it exited without an error message".to_owned())),
                text => Err(failed(text.to_owned())),
            }
        }
        Err(_) => {
            let _ = child.start_kill();
            let _ = child.wait().await;
            Err(failed(format!(
                "it did not report that it is ready within {} s",
                START.as_secs()
            )))
        }
    }
}

/// Opens the host's stderr file for writing, and again for reading from its current end. Duplicates
/// of one descriptor would share their position.
fn stderr(options: &HostOptions) -> io::Result<(File, File)> {
    fs::create_dir_all(&options.directory)?;
    let path = options.directory.join("host.stderr");
    let writer = File::options().create(true).append(true).open(&path)?;
    if writer.metadata()?.len() > STDERR {
        writer.set_len(0)?;
    }
    let mut reader = File::open(&path)?;
    reader.seek(SeekFrom::End(0))?;
    Ok((writer, reader))
}
