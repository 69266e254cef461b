//! The driver as a child process: its exit status becomes ours.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::{
        fs::OpenOptionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

use kt::{
    codec,
    wire::{
        driver::{DriverConfig, ENV},
        limits,
    },
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// The file with a driver's configuration. It is removed when the driver has exited.
#[derive(Debug)]
pub(super) struct ConfigFile(PathBuf);

impl ConfigFile {
    /// Writes it where only this user can read it.
    pub(super) fn write(folder: &Path, config: &DriverConfig) -> io::Result<Self> {
        let path = folder.join(format!("driver-{}", std::process::id()));
        let bytes = codec::encode(config, limits::CONTROL).map_err(io::Error::other)?;
        // A killed process with this id may have left one.
        let _ = fs::remove_file(&path);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?
            .write_all(&bytes)?;
        Ok(Self(path))
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// How the driver is started.
#[derive(Debug)]
pub(super) struct Invocation<'a> {
    pub(super) executable: &'a Path,
    /// The program's `argv[0]`.
    pub(super) name: &'a str,
    pub(super) args: &'a [OsString],
    pub(super) config: &'a ConfigFile,
    /// The caller's environment, and what `cargo run` sets.
    pub(super) environment: &'a [(OsString, OsString)],
    /// Receives the process id.
    pub(super) started: &'a watch::Sender<u32>,
}

/// Runs the driver on this terminal until it exits.
///
/// Ctrl-C reaches it directly, like every process in the terminal's foreground. A SIGTERM to this
/// process is forwarded.
pub(super) async fn run(invocation: Invocation<'_>) -> io::Result<ExitStatus> {
    // Registered before the start: otherwise a signal in between would terminate this process
    // alone.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut command = Command::new(invocation.executable);
    command
        .arg0(invocation.name)
        .args(invocation.args)
        .env_clear();
    command
        .envs(invocation.environment.iter().cloned())
        .env(ENV, &invocation.config.0);
    let mut child = tokio::process::Command::from(command).spawn()?;
    if let Some(pid) = child.id() {
        tracing::debug!(pid, program = invocation.name, "driver started");
        invocation.started.send_replace(pid);
    }
    loop {
        tokio::select! {
            status = child.wait() => {
                tracing::debug!(?status, "driver exited");
                return status;
            }
            _ = interrupted.recv() => {}
            _ = quit.recv() => {}
            _ = terminated.recv() => forward(&child, libc::SIGTERM),
            _ = hung_up.recv() => forward(&child, libc::SIGHUP),
        }
    }
}

fn forward(child: &tokio::process::Child, signal: i32) {
    let Some(pid) = child
        .id()
        .and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
    else {
        return;
    };
    if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        // It may have exited just now.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Exits as the driver did: with its code, or by its signal, so that a shell sees the same.
pub(crate) fn exit_like(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // A shell's exit code for this signal, in case raising it does not terminate this process.
        let _ = raise_default(signal);
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(1));
    }
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

/// Raises a signal with its default action.
#[expect(unsafe_code, reason = "rustix has no signal dispositions")]
fn raise_default(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_DFL installs no handler, and raise only signals this thread.
    let failed =
        unsafe { libc::signal(signal, libc::SIG_DFL) == libc::SIG_ERR || libc::raise(signal) != 0 };
    if failed {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
