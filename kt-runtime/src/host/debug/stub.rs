//! The debugger stub: gdbserver, started when a debugger connects and stopped when it disconnects.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{io::AsyncWriteExt, net::UnixStream, sync::oneshot, time::timeout};

use crate::{
    host::{orphans, store::Store},
    sys::process,
    wire::{
        ObjectId,
        debug::{DebugRefused, Stub},
    },
};

/// In stdio mode, waiting for the debugger's choice of a process.
const ARGUMENTS: [&str; 3] = ["--once", "--multi", "-"];

/// A running stub.
#[derive(Debug)]
pub struct Process {
    pub stream: UnixStream,
    pid: u32,
    /// Set once reaped: the pid may be reused from here on.
    reaped: Arc<Mutex<bool>>,
    ended: Option<oneshot::Receiver<()>>,
    /// The directory it was unpacked to.
    _directory: Option<Directory>,
}

/// Removed on drop.
#[derive(Debug)]
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a stub. Call this on the host's main thread: the stub is killed when the calling thread
/// exits.
///
/// # Errors
/// If it is missing or cannot be executed.
pub fn start(stub: &Stub, store: &Store, service: &Path) -> Result<Process, DebugRefused> {
    let (mut command, directory) = prepare(stub, store, service)?;
    let (near, far) = std::os::unix::net::UnixStream::pair()
        .map_err(|error| failed("failed to create a socket pair", error))?;
    let stream = near
        .set_nonblocking(true)
        .and_then(|()| UnixStream::from_std(near))
        .map_err(|error| failed("failed to prepare a socket", error))?;
    let output = far
        .try_clone()
        .map_err(|error| failed("failed to prepare a socket", error))?;
    command
        .args(ARGUMENTS)
        .stdin(OwnedFd::from(far))
        .stdout(OwnedFd::from(output))
        // The debugger receives these messages too.
        .stderr(Stdio::null())
        .process_group(0);
    process::bind_to_parent(&mut command, &[])
        .map_err(|error| failed("failed to prepare gdbserver", error))?;
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            DebugRefused::Stub("`gdbserver` is not installed next to the worker".to_owned())
        }
        _ => failed("failed to start gdbserver", error),
    })?;
    let pid = child.id();
    orphans::exclude(pid);
    let (sender, ended) = oneshot::channel();
    let reaped = Arc::new(Mutex::new(false));
    let reaper = reap(pid, Arc::clone(&reaped), sender);
    let stub = Process {
        stream,
        pid,
        reaped,
        ended: Some(ended),
        _directory: directory,
    };
    match reaper {
        Ok(()) => Ok(stub),
        Err(error) => {
            stub.kill();
            Err(failed("failed to start a thread", error))
        }
    }
}

fn failed(what: &str, error: io::Error) -> DebugRefused {
    DebugRefused::Stub(format!("{what}: {error}"))
}

/// The command of a stub, and the directory that it is unpacked in if it comes from the store.
fn prepare(
    stub: &Stub,
    store: &Store,
    service: &Path,
) -> Result<(Command, Option<Directory>), DebugRefused> {
    let Stub::Stored {
        loader,
        gdbserver,
        libraries,
    } = stub
    else {
        return Ok((Command::new("gdbserver"), None));
    };
    let ids = libraries.iter().map(|(_, id)| *id);
    let missing = store.missing([*loader, *gdbserver].into_iter().chain(ids));
    if !missing.is_empty() {
        return Err(DebugRefused::Missing(missing));
    }
    let directory = unpack(store, service, *loader, *gdbserver, libraries)
        .map_err(|error| failed("failed to unpack gdbserver", error))?;
    let mut command = Command::new(directory.0.join("ld.so"));
    command
        .arg("--library-path")
        .arg(&directory.0)
        .arg(directory.0.join("gdbserver"));
    Ok((command, Some(directory)))
}

/// Reaps the stub on a thread of its own, which then sends on `ended`.
fn reap(pid: u32, reaped: Arc<Mutex<bool>>, ended: oneshot::Sender<()>) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("kt-reap-{pid}"))
        .stack_size(64 << 10)
        .spawn(move || {
            let _ = process::wait_for_end(pid);
            let mut reaped = reaped.lock().unwrap_or_else(PoisonError::into_inner);
            *reaped = true;
            let _ = process::reap(pid);
            orphans::release(pid);
            let _ = ended.send(());
        })?;
    Ok(())
}

impl Process {
    /// Makes it detach from the worker and exit, as if its debugger had disconnected.
    pub async fn close_input(&mut self) {
        // The receiving half stays open, so that its last writes do not fail.
        let _ = self.stream.shutdown().await;
    }

    /// Whether it exits within `longest`.
    pub async fn ends_within(&mut self, longest: Duration) -> bool {
        let Some(ended) = &mut self.ended else {
            return true;
        };
        let has_ended = timeout(longest, ended).await.is_ok();
        if has_ended {
            self.ended = None;
        }
        has_ended
    }

    pub fn kill(&self) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            process::signal(self.pid, false, libc::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Links the objects into a new directory, under the names by which they find each other.
fn unpack(
    store: &Store,
    service: &Path,
    loader: ObjectId,
    gdbserver: ObjectId,
    libraries: &[(String, ObjectId)],
) -> io::Result<Directory> {
    let path = service.join("debugger");
    // Only one debugger at a time: an existing directory is left over from a killed host.
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path)?;
    let directory = Directory(path);
    let named = libraries.iter().map(|(name, id)| (name.as_str(), *id));
    for (name, id) in [("ld.so", loader), ("gdbserver", gdbserver)]
        .into_iter()
        .chain(named)
    {
        let is_name = Path::new(name).file_name().is_some_and(|file| file == name);
        if !is_name {
            return Err(io::Error::other(format!("`{name}` is not a file name")));
        }
        store
            .link_to(id, &directory.0.join(name))
            .map_err(io::Error::other)?;
    }
    Ok(directory)
}
