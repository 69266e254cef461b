//! Starts a command with pipes or a terminal.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::Command,
};

use rustix::{
    io::ioctl_fionbio,
    process::{Pid, Signal, getppid, ioctl_tiocsctty, set_parent_process_death_signal, setsid},
};
use tokio::{net::unix::pipe, process::Child};

use super::{
    shell::{self, SetUpError, Shipped},
    terminal::Terminal,
};
use crate::{
    host::{Host, orphans, process},
    wire::{
        command::{NotStarted, Program, Shell, Start, WindowSize},
        manifest::Environment,
    },
};

/// A started command, and the host's ends of its streams.
#[derive(Debug)]
pub struct Running {
    pub child: Child,
    pub pid: u32,
    pub program: OsString,
    pub streams: Streams,
}

#[derive(Debug)]
pub struct Streams {
    pub input: pipe::Sender,
    pub output: pipe::Receiver,
    /// On a terminal both streams are one.
    pub errors: Option<pipe::Receiver>,
    pub terminal: Option<Terminal>,
}

impl Running {
    /// Starts the requested command in the worker's environment. Call this on the host's main
    /// thread: the command is killed when the calling thread exits.
    ///
    /// # Errors
    /// The reason why it cannot be started.
    pub fn start(host: &Host, start: &Start) -> Result<Self, NotStarted> {
        let environment = environment(host);
        let mut command = command(host, start, &environment)?;
        process::surround(&mut command, &environment, &host.options.working_directory);
        if let Some(directory) = &start.directory {
            if !Path::new(directory).is_dir() {
                return Err(NotStarted::NoDirectory {
                    directory: directory.clone(),
                });
            }
            command.current_dir(directory);
        }
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        let program = command.get_program().to_owned();
        let spawned = match start.terminal {
            Some(size) => on_terminal(&mut command, size),
            None => on_pipes(&mut command),
        };
        let (child, streams) = spawned.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NotStarted::NotFound {
                program: program.clone(),
            },
            _ => NotStarted::Failed {
                what: format!("start {}", program.display()),
                why: error.to_string(),
            },
        })?;
        let pid = child.id().unwrap_or_default();
        orphans::exclude(pid);
        Ok(Self {
            child,
            pid,
            program,
            streams,
        })
    }
}

/// The environment of the running worker; without one, of the worker that the next call starts.
fn environment(host: &Host) -> Environment {
    if let Some(worker) = host.supervisor.live() {
        return worker.environment.clone();
    }
    let serving = host.supervisor.serving_generation();
    serving.map_or_else(Environment::default, |serving| serving.manifest.environment)
}

fn command(host: &Host, start: &Start, worker: &Environment) -> Result<Command, NotStarted> {
    let variable = |name: &str| variable(name, start, worker);
    let (shell, line) = match &start.program {
        Program::Arguments(arguments) => {
            let mut arguments = arguments.iter();
            let program = arguments.next().cloned().unwrap_or_default();
            let mut command = Command::new(program);
            command.args(arguments);
            return Ok(command);
        }
        Program::Shell(shell) => (*shell, None),
        Program::Line(shell, line) => (*shell, Some(line)),
    };
    let mut command = match shell {
        Shell::Installed => {
            let preferred = variable("SHELL");
            let path = shell::installed(preferred.as_deref()).ok_or(NotStarted::NoShell)?;
            Command::new(path)
        }
        Shell::Shipped(id) => {
            let shipped = Shipped::set_up(&host.store, &host.options.directory, id);
            let shipped = shipped.map_err(|error| match error {
                SetUpError::NotStored => NotStarted::NotStored,
                SetUpError::Failed(why) => NotStarted::Failed {
                    what: "set up the shell".to_owned(),
                    why,
                },
            })?;
            let mut command = Command::new(shipped.shell());
            command.env("PATH", shipped.path(variable("PATH").as_deref()));
            command
        }
    };
    match line {
        Some(line) => command.arg("-c").arg(line),
        // Without `-i` a shell is interactive only if its input is a terminal.
        None if start.terminal.is_none() => &mut command,
        None => command.arg("-i"),
    };
    Ok(command)
}

/// The value of a variable in the command's environment, in the order of precedence.
fn variable(name: &str, start: &Start, worker: &Environment) -> Option<OsString> {
    let requested = start.environment.iter().rev();
    let requested = requested
        .filter(|(other, _)| other == OsStr::new(name))
        .map(|(_, value)| value.clone());
    let of_worker = [&worker.asked, &worker.cargo]
        .into_iter()
        .filter_map(|variables| variables.get(name).map(OsString::from));
    requested
        .chain(of_worker)
        .next()
        .or_else(|| std::env::var_os(name))
}

fn on_terminal(command: &mut Command, size: WindowSize) -> io::Result<(Child, Streams)> {
    let (terminal, slave) = Terminal::open(size)?;
    command
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave);
    lead_session(command, true);
    let streams = Streams {
        input: sender(terminal.descriptor()?)?,
        output: receiver(terminal.descriptor()?)?,
        errors: None,
        terminal: Some(terminal),
    };
    Ok((spawn(command)?, streams))
}

fn on_pipes(command: &mut Command) -> io::Result<(Child, Streams)> {
    let (stdin, input) = io::pipe()?;
    let (output, stdout) = io::pipe()?;
    let (errors, stderr) = io::pipe()?;
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    lead_session(command, false);
    let streams = Streams {
        input: sender(input.into())?,
        output: receiver(output.into())?,
        errors: Some(receiver(errors.into())?),
        terminal: None,
    };
    Ok((spawn(command)?, streams))
}

fn sender(descriptor: OwnedFd) -> io::Result<pipe::Sender> {
    ioctl_fionbio(&descriptor, true)?;
    pipe::Sender::from_owned_fd_unchecked(descriptor)
}

fn receiver(descriptor: OwnedFd) -> io::Result<pipe::Receiver> {
    ioctl_fionbio(&descriptor, true)?;
    pipe::Receiver::from_owned_fd_unchecked(descriptor)
}

/// Spawns the command, and closes the host's copies of the child's descriptors: while they are
/// open, its streams never reach EOF.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let command = std::mem::replace(command, Command::new(""));
    tokio::process::Command::from(command).spawn()
}

/// The child will lead a session, with its standard input as the controlling terminal if
/// `terminal`, and be killed with the host.
fn lead_session(command: &mut Command, terminal: bool) {
    let parent = Pid::from_raw(std::process::id().cast_signed());
    let start = move || {
        setsid()?;
        if terminal {
            // std has just set stdin to the terminal.
            ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before; then the signal would never arrive.
        match getppid() == parent {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    };
    // SAFETY: the closure makes system calls only and does not allocate.
    unsafe { command.pre_exec(start) };
}
