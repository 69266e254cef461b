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

/// How long a host may take to say that it is there.
const START: Duration = Duration::from_secs(10);
/// Size at which what earlier hosts wrote to stderr is thrown away.
const STDERR: u64 = 64 << 10;

/// What came of starting a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    Ready,
    /// Another host has the service.
    Taken,
}

/// Starts a host in the background and waits until it listens. It outlives this process and its terminal.
pub async fn start(spec: &ServiceSpec, options: &HostOptions) -> Result<Started, PlaceError> {
    let failed = |why: String| PlaceError::HostStart {
        service: options.service.clone(),
        why,
    };
    let Some((program, arguments)) = spec.host.split_first() else {
        return Err(failed("no program for it was given".to_owned()));
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

    let said = async {
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
    match timeout(START, said).await {
        Ok(Some(started)) => Ok(started),
        Ok(None) => {
            let _ = timeout(START, child.wait()).await;
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            match text.trim() {
                "" => Err(failed("it ended without a word".to_owned())),
                text => Err(failed(text.to_owned())),
            }
        }
        Err(_) => {
            let _ = child.start_kill();
            let _ = child.wait().await;
            Err(failed(format!("it was silent for {} s", START.as_secs())))
        }
    }
}

/// The file for the host's stderr, and one to read what it writes there from now on: descriptors of one open file would share
/// their position.
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
