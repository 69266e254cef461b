//! `cargo kt exec`: runs commands and shells next to the worker.

mod raw;
mod session;
mod shell;

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitCode,
};

use kt::wire::command::{End, NotStarted, Program, Shell, Start};

use self::{raw::RawTerminal, session::Session};
use super::{CommandError, ExecError, OutputArgs, service::ServiceArgs, start};
use crate::{
    place::Connected,
    terminal::{Terminal, text},
};

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo kt exec [OPTIONS] [NAME] -- <COMMAND>...")]
pub(super) struct ExecArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Program and arguments to run
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    #[command(flatten)]
    options: ExecOptions,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExecOptions {
    /// Allocate a terminal for the command
    #[arg(short = 't', long)]
    tty: bool,
    /// Do not pass standard input to the command
    #[arg(short = 'n', long, conflicts_with = "tty")]
    no_stdin: bool,
    /// Working directory of the command [default: the worker's]
    #[arg(short = 'C', long, value_name = "DIRECTORY")]
    directory: Option<OsString>,
    /// Set an environment variable of the command
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    environment: Vec<(OsString, OsString)>,
}

pub(super) fn exec(args: ExecArgs) -> ExitCode {
    let terminal = args.output.terminal();
    let program = Program::Arguments(args.command);
    let request = Request {
        service: &args.service,
        options: &args.options,
        keep_alive: false,
        terminal: &terminal,
    };
    start(&terminal, request.run(program))
}

fn variable(text: &str) -> Result<(OsString, OsString), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("must be NAME=VALUE"),
    }
}

/// The parsed command line.
pub(super) struct Request<'a> {
    pub(super) service: &'a ServiceArgs,
    pub(super) options: &'a ExecOptions,
    pub(super) keep_alive: bool,
    pub(super) terminal: &'a Terminal,
}

impl Request<'_> {
    /// Runs a program with the options of the command line, and returns its exit code.
    ///
    /// # Errors
    /// If it cannot be started, or its service stops.
    pub(super) async fn run(&self, program: Program) -> Result<ExitCode, CommandError> {
        let places = self.service.places()?;
        let name = self.service.choose(&places).await?;
        let connected = places.connect(&name).await?;
        let wants_terminal = self.options.tty || matches!(program, Program::Shell(_));
        // As with ssh, a script that pipes commands into a shell gets pipes.
        let on_terminal = wants_terminal && (self.options.tty || io::stdin().is_terminal());
        let start = Start {
            program,
            directory: self.options.directory.clone(),
            environment: self.environment(on_terminal),
            terminal: on_terminal.then(raw::size),
            keep_alive: self.keep_alive,
        };
        let interactive = on_terminal && matches!(start.program, Program::Shell(_));
        let session = begin(&connected, start, self.terminal).await?;
        if interactive {
            self.announce(&session);
        }
        let raw = on_terminal.then(RawTerminal::enter).flatten();
        let end = session.relay(!self.options.no_stdin, raw.is_some()).await;
        drop(raw);
        match end? {
            End::Code(code) => Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))),
            End::Signal(signal) => Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(1))),
            End::ServiceEnded => Err(ExecError::ServiceEnded { service: name }.into()),
        }
    }

    fn environment(&self, on_terminal: bool) -> Vec<(OsString, OsString)> {
        let mut environment = Vec::new();
        if on_terminal {
            // The local terminal interprets the output.
            for name in ["TERM", "COLORTERM"] {
                environment.extend(std::env::var_os(name).map(|value| (name.into(), value)));
            }
        }
        environment.extend(self.options.environment.iter().cloned());
        environment
    }

    /// Prints where a shell runs, so that its prompt is not mistaken for a local one.
    fn announce(&self, session: &Session<'_>) {
        let connected = session.connected();
        self.terminal.status(
            "Opening",
            format_args!(
                "{} in {} ({}), process {}",
                session.program().display(),
                connected.service,
                connected.place,
                session.pid()
            ),
        );
    }
}

/// A shell, or a command line for one.
pub(super) fn program(line: Option<OsString>) -> Program {
    match line {
        Some(line) => Program::Line(Shell::Installed, line),
        None => Program::Shell(Shell::Installed),
    }
}

/// Starts a command. Ships a shell if the command needs one and the image has none.
///
/// # Errors
/// If it cannot be started.
pub(super) async fn begin<'c>(
    connected: &'c Connected,
    mut start: Start,
    terminal: &Terminal,
) -> Result<Session<'c>, CommandError> {
    let refused = match Session::start(connected, &start).await? {
        Ok(session) => return Ok(session),
        Err(refused) => refused,
    };
    if refused != NotStarted::NoShell {
        return Err(ExecError::not_started(connected, refused).into());
    }
    let shell = shell::find(&connected.status.platform.architecture)?;
    let (id, sent) = shell::send(connected, &shell).await?;
    // Later commands find it in the store.
    if sent > 0 {
        terminal.note(format_args!(
            "the image has no shell: sent {} ({})",
            shell.display(),
            text::bytes(sent)
        ));
    }
    start.program = match start.program {
        Program::Line(_, line) => Program::Line(Shell::Shipped(id), line),
        _ => Program::Shell(Shell::Shipped(id)),
    };
    match Session::start(connected, &start).await? {
        Ok(session) => Ok(session),
        Err(refused) => Err(ExecError::not_started(connected, refused).into()),
    }
}
