//! The process of one worker: its start with inherited descriptors, its exit, and the output left
//! in its pipes.

use std::{
    fs::File,
    io::{self, PipeReader, Read},
    os::{fd::AsFd, unix::process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::{net::UnixStream, sync::oneshot};

use super::orphans;
use crate::{
    logs::LogWriter,
    sys::{
        process::{self, Ended},
        stdio,
    },
    wire::{manifest::Environment, worker},
};

/// Default capacity limit of a pipe (`pipe(7)`): the most to read from a pipe that a descendant
/// keeps filling.
const PIPE: u64 = 1 << 20;
/// Bytes of a dead worker's last output to include in messages.
const TAIL: usize = 4 << 10;

/// A worker's process.
#[derive(Debug)]
pub struct Process {
    pub pid: u32,
    reaped: Arc<Mutex<bool>>,
    output: [PipeReader; 2],
}

/// How to start a worker.
#[derive(Debug)]
pub struct Start<'a> {
    pub launcher: &'a Path,
    /// The service's directory.
    pub service: &'a Path,
    pub working_directory: &'a Path,
    /// Variables in addition to the host's own environment.
    pub environment: &'a Environment,
}

impl Process {
    /// Starts a worker. The calling thread must run as long as the host: the worker is killed when
    /// that thread exits.
    ///
    /// # Errors
    /// If the launcher cannot be executed.
    pub fn start(
        start: &Start<'_>,
    ) -> io::Result<(Self, UnixStream, oneshot::Receiver<io::Result<Ended>>)> {
        let (near, far) = std::os::unix::net::UnixStream::pair()?;
        near.set_nonblocking(true)?;
        let near = UnixStream::from_std(near)?;
        let (stdout_reader, stdout) = io::pipe()?;
        let (stderr_reader, stderr) = io::pipe()?;
        let mut command = Command::new(start.launcher);
        surround(&mut command, start.environment, start.working_directory);
        command
            .env(worker::ENV, start.service)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        let inherited: [&dyn AsFd; 3] = [&far, &stdout_reader, &stderr_reader];
        process::bind_to_parent(&mut command, &inherited)?;
        let pid = command.spawn()?.id();
        orphans::exclude(pid);

        let reaped = Arc::new(Mutex::new(false));
        let process = Self {
            pid,
            reaped: Arc::clone(&reaped),
            output: [stdout_reader, stderr_reader],
        };
        let (sender, ended) = oneshot::channel();
        // On a thread: only wait4 reports the memory usage, and waiting asynchronously needs pidfds
        // (Linux 5.3).
        let reaper = thread::Builder::new()
            .name(format!("kt-reap-{pid}"))
            .stack_size(64 << 10)
            .spawn(move || {
                let ended = wait(pid, &reaped);
                orphans::release(pid);
                let _ = sender.send(ended);
            });
        if let Err(error) = reaper {
            process.kill();
            return Err(error);
        }
        Ok((process, near, ended))
    }

    /// Kills the worker, unless it has exited.
    pub fn kill(&self) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            process::signal(self.pid, false, libc::SIGKILL);
        }
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Option<u64> {
        process::resident(self.pid)
    }

    /// Appends the dead worker's remaining output to the log, and returns its last part.
    pub fn drain(&self, logs: &Path) -> io::Result<String> {
        let mut left = Vec::new();
        for pipe in &self.output {
            stdio::set_nonblocking(pipe.as_fd())?;
            match pipe.take(PIPE).read_to_end(&mut left) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        if !left.is_empty() {
            LogWriter::open(logs)?.append(&left);
        }
        let tail = &left[left.len().saturating_sub(TAIL)..];
        Ok(String::from_utf8_lossy(tail).trim().to_owned())
    }
}

/// Sets a command's environment and working directory to those of a worker.
pub fn surround(command: &mut Command, environment: &Environment, directory: &Path) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"KT_") {
            command.env_remove(name);
        }
    }
    let directory = match directory.is_dir() {
        true => directory,
        false => Path::new("/"),
    };
    command
        .envs(&environment.cargo)
        .envs(&environment.asked)
        .current_dir(directory);
}

fn wait(pid: u32, reaped: &Mutex<bool>) -> io::Result<Ended> {
    process::wait_for_end(pid)?;
    // From here on no signal is sent to this pid: it may be reused soon.
    let mut reaped = reaped.lock().unwrap_or_else(PoisonError::into_inner);
    *reaped = true;
    // Child processes in the worker's group could hold its ports and devices against the next
    // worker. The group id cannot be reused yet, because its leader is still a zombie.
    process::signal(pid, true, libc::SIGTERM);
    process::reap(pid)
}

/// Explains why a launcher could not be started, with a hint.
pub fn explain(launcher: &Path, error: &io::Error) -> String {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "\nhelp: if its file system is mounted noexec, set KT_HOME to a directory on another one"
        }
        io::ErrorKind::NotFound => ": the file or its dynamic linker does not exist",
        _ => "",
    };
    let size = File::open(launcher).and_then(|file| file.metadata());
    let size = size.map_or(0, |data| data.len());
    format!(
        "failed to execute {} ({size} bytes): {error}{help}",
        launcher.display()
    )
}
