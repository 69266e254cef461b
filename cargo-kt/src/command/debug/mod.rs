//! `cargo kt debug`: attaches gdb to a service's worker.

mod finder;
mod libraries;
mod variables;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use kt::wire::debug::{DebugRequest, DebugStarted, Reloads, Stub};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

use self::{finder::Finder, variables::build_with_variables};
use super::{
    CommandError, OutputArgs, places::PlaceArgs, profile::ProfileArgs, service::choose, start,
};
use crate::{
    config::duration,
    debug::{Batch, DebugError, Gdb, Origin, Script, Session, Shipped, Sysroot, check_gdbserver},
    linux,
    place::{Connected, PlaceName},
    session::{self, last_build::kt_dir},
    ship::ship_objects,
    terminal::{Terminal, text::bytes},
};

#[derive(Debug, clap::Args)]
pub(super) struct DebugArgs {
    /// Service name, as shown by `cargo kt ls` [default: this workspace's service, or the only one]
    #[arg(value_name = "SERVICE", conflicts_with = "ProfileArgs")]
    service: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    /// Set a breakpoint at FILE:LINE or at a function's path; may be repeated
    #[arg(short, long = "break", value_name = "PLACE")]
    breakpoints: Vec<String>,
    /// Pass `kt::breakpoint!()` N times before stopping
    #[arg(long, value_name = "N", default_value_t = 0)]
    ignore: u64,
    /// How the service handles a reload by `cargo kt run` while the debugger is attached
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Reload::Wait)]
    reload: Reload,
    /// Run the gdb commands in this file at the first stop, then detach
    #[arg(long, value_name = "FILE", help_heading = "Batch Options")]
    command: Option<PathBuf>,
    /// Run this gdb command at the first stop, then detach; may be repeated; `-ex` for short
    #[arg(long, value_name = "CMD", help_heading = "Batch Options")]
    eval_command: Vec<String>,
    /// Timeout for the first stop in batch mode
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10m", help_heading = "Batch Options")]
    timeout: Duration,
    /// Print a launch configuration for VS Code's C++ extension (cppdbg) instead of attaching
    #[arg(long, help_heading = "Editor Options")]
    print_launch_json: bool,
    /// Serve the Debug Adapter Protocol on standard input and output (gdb 14 or newer)
    #[arg(long, conflicts_with_all = ["command", "eval_command"], help_heading = "Editor Options")]
    dap: bool,
    /// Passed by editors to gdb.
    #[arg(long, hide = true)]
    interpreter: Option<String>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How reloads are handled while the debugger is attached.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reload {
    /// Wait until the debugger detaches
    Wait,
    /// Reject the reload
    Refuse,
}

pub(super) fn debug(args: DebugArgs) -> ExitCode {
    let terminal = args.output.terminal();
    start(&terminal, run(&args, &terminal))
}

/// Accepts gdb's `-ex`, for this command only.
pub(super) fn gdb_style(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(2).is_some_and(|command| command == "debug") {
        for argument in arguments.iter_mut().filter(|argument| *argument == "-ex") {
            *argument = "--eval-command".into();
        }
    }
    arguments
}

async fn run(args: &DebugArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let gdb = Gdb::find()?;
    if args.dap {
        gdb.check_dap()?;
    }
    let places = args.places.places()?;
    let name = choose(args.service.as_deref(), &args.profile, &places).await?;
    let mut connected = places.connect(&name).await?;
    if args.print_launch_json {
        println!("{:#}", launch_json(&connected)?);
        return Ok(ExitCode::SUCCESS);
    }
    let batch = batch(args)?;
    if build_with_variables(&args.breakpoints, &connected, terminal)? {
        // The code and the worker may have changed.
        connected = places.connect(&name).await?;
    }
    let request = DebugRequest {
        who: who(),
        stub: stub(&connected, terminal).await?,
        ignored_breakpoints: args.ignore,
        reloads: match args.reload {
            Reload::Wait => Reloads::Wait,
            Reload::Refuse => Reloads::Refuse,
        },
    };
    let session = Session::begin(&connected, &request).await?;
    let folder = tempfile::Builder::new()
        .prefix("kt-debug-")
        .tempdir()
        .map_err(io("create a directory for gdb"))?;
    let socket = folder.path().join("gdb");
    let attached = Attached {
        args,
        connected: &connected,
        started: &session.started,
        folder: folder.path(),
        socket: &socket,
        batch: batch.as_ref(),
    };
    let script = attached.write_script(terminal).await?;
    let started = &session.started;
    terminal.status(
        "Attaching",
        format_args!(
            "gdb to {} (worker {}, generation {})",
            connected.service, started.worker.pid, started.generation
        ),
    );
    let mut command = attached.command(&gdb, &script);
    let carrying = session.carry(&socket)?;
    let child = command.spawn().map_err(io("start gdb"))?;
    let status = wait(child).await.map_err(io("wait for gdb"))?;
    carrying.end().await;
    Ok(session::exit_like(status))
}

/// A worker with a debug stub, for which gdb is prepared.
struct Attached<'a> {
    args: &'a DebugArgs,
    connected: &'a Connected,
    started: &'a DebugStarted,
    /// For gdb's files.
    folder: &'a Path,
    socket: &'a Path,
    batch: Option<&'a Batch>,
}

impl Attached<'_> {
    fn workspace(&self) -> &Path {
        Path::new(&self.connected.status.workspace)
    }

    /// Collects the files that gdb reads, and writes the script that it starts with.
    async fn write_script(&self, terminal: &Terminal) -> Result<PathBuf, CommandError> {
        let Self {
            args,
            connected,
            started,
            ..
        } = self;
        let manifest = connected.status.current.as_ref().map(|(_, it)| it);
        let finder = Finder {
            kt_dir: kt_dir(connected),
            manifest,
            is_local: connected.place == PlaceName::Local,
        };
        let sources = self.folder.join("sources");
        let origin = |path: &str| match finder.find(path) {
            Origin::Local(file) => Origin::Local(finder.with_own_sources(file, &sources, terminal)),
            Origin::Remote => Origin::Remote,
        };
        let mut sysroot = Sysroot::create(&self.folder.join("sysroot"), &started.mapped, origin)?;
        libraries::fetch(connected, &mut sysroot).await;
        let rustc = manifest.map(|manifest| manifest.rustc.as_str());
        let toolchain = toolchain(self.workspace());
        let names = started.mapped.iter();
        let names = names.filter_map(|path| path.rsplit('/').next());
        let objects: Vec<String> = names
            .filter(|name| finder.is_crate(name))
            .map(str::to_owned)
            .collect();
        let script = Script {
            service: &connected.service,
            pid: started.worker.pid,
            sysroot: &sysroot,
            executable: &started.executable,
            socket: self.socket,
            objects: &objects,
            breakpoints: &relative_to(&args.breakpoints, self.workspace()),
            batch: self.batch,
            interactive: self.batch.is_none() && !args.dap && args.interpreter.is_none(),
            toolchain: toolchain.as_deref(),
            commit: rustc.and_then(commit),
        };
        script
            .write(self.folder)
            .map_err(io("write the gdb script"))
    }

    /// gdb with a script.
    fn command(&self, gdb: &Gdb, script: &Path) -> Command {
        let mut command = Command::new(&gdb.program);
        command
            .arg("-q")
            .arg("-x")
            .arg(script)
            .current_dir(workspace_or_current_dir(self.workspace()));
        if self.batch.is_some() {
            // The user's .gdbinit must not affect a script. gdb exits at the end of its input.
            command.arg("-nx").stdin(Stdio::piped());
        }
        if self.args.dap {
            command.args(["-i", "dap"]);
        } else if let Some(interpreter) = &self.args.interpreter {
            command.arg(format!("--interpreter={interpreter}"));
        }
        command.kill_on_drop(true);
        command
    }
}

/// Waits for gdb. gdb itself handles Ctrl-C and the other signals that a terminal sends to its
/// foreground process group.
async fn wait(mut child: Child) -> io::Result<std::process::ExitStatus> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    // Stays open: gdb quits at the end of its input.
    let _input = child.stdin.take();
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = interrupted.recv() => {}
            _ = quit.recv() => {}
            // The host detaches from the worker when the connection closes, without help from gdb.
            _ = terminated.recv() => child.start_kill()?,
            _ = hung_up.recv() => child.start_kill()?,
        }
    }
}

fn batch(args: &DebugArgs) -> Result<Option<Batch>, CommandError> {
    let mut commands = Vec::new();
    if let Some(file) = &args.command {
        let file = fs::canonicalize(file).map_err(|source| DebugError::Read {
            path: file.clone(),
            source,
        })?;
        commands.push(format!("source {}", file.display()));
    }
    commands.extend(args.eval_command.iter().cloned());
    Ok((!commands.is_empty()).then_some(Batch {
        commands,
        timeout: args.timeout,
    }))
}

/// The gdbserver that runs beside the worker; ships it if the worker is remote.
async fn stub(connected: &Connected, terminal: &Terminal) -> Result<Stub, CommandError> {
    if connected.place == PlaceName::Local {
        check_gdbserver()?;
        return Ok(Stub::Installed);
    }
    let theirs = &connected.status.platform.architecture;
    if theirs != std::env::consts::ARCH {
        return Err(DebugError::OtherArchitecture {
            service: connected.service.clone(),
            theirs: theirs.clone(),
        }
        .into());
    }
    let shipped = Shipped::find()?;
    let sending = ship_objects(
        &connected.client,
        &shipped.objects,
        &shipped.files,
        connected.transport(),
    );
    let sent = connected.fail_if_unresponsive(sending).await?;
    let sent = sent.map_err(|source| CommandError::Ship {
        service: connected.service.clone(),
        source,
    })?;
    if sent.objects > 0 {
        terminal.status(
            "Shipping",
            format_args!("gdbserver ({} sent)", bytes(sent.sent)),
        );
    }
    Ok(shipped.stub)
}

/// Rewrites files of the workspace as debug information names them: relative to its root.
fn relative_to(places: &[String], workspace: &Path) -> Vec<String> {
    let relative = |place: &String| {
        let inside = Path::new(place).strip_prefix(workspace);
        inside.map_or_else(|_| place.clone(), |inside| inside.display().to_string())
    };
    places.iter().map(relative).collect()
}

/// The sysroot, which has rustc's gdb scripts and the sources of libstd.
fn toolchain(workspace: &Path) -> Option<PathBuf> {
    let output = std::process::Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(workspace_or_current_dir(workspace))
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    let sysroot = PathBuf::from(sysroot.trim());
    sysroot
        .join("lib/rustlib/etc/gdb_lookup.py")
        .is_file()
        .then_some(sysroot)
}

/// rustc's commit hash, from the output of `rustc -vV`.
fn commit(rustc: &str) -> Option<&str> {
    let mut lines = rustc.lines();
    lines.find_map(|line| line.strip_prefix("commit-hash: "))
}

fn workspace_or_current_dir(workspace: &Path) -> &Path {
    match workspace.is_dir() {
        true => workspace,
        false => Path::new("."),
    }
}

/// Identifies this user in the errors of commands that the service rejects meanwhile.
fn who() -> String {
    let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
    let user = user.unwrap_or_else(|| format!("user {}", rustix::process::geteuid().as_raw()));
    match linux::host_name().as_str() {
        "" => user,
        machine => format!("{user}@{machine}"),
    }
}

/// A launch configuration with which cppdbg starts this executable instead of gdb.
fn launch_json(connected: &Connected) -> Result<serde_json::Value, CommandError> {
    let own = std::env::current_exe().map_err(io("find this executable"))?;
    let service = &connected.service;
    Ok(serde_json::json!({
        "name": format!("kt: {service}"),
        "type": "cppdbg",
        "request": "launch",
        "MIMode": "gdb",
        "miDebuggerPath": own,
        "miDebuggerArgs": format!("kt debug {service} --quiet"),
        "program": own,
        "cwd": connected.status.workspace,
        "customLaunchSetupCommands": [],
        "launchCompleteCommand": "None",
    }))
}

fn io(what: &str) -> impl FnOnce(io::Error) -> CommandError {
    let what = what.to_owned();
    move |source| CommandError::Io { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_files_are_relative_as_in_debug_information() {
        let places = [
            "/w/app/src/main.rs:7",
            "src/main.rs:7",
            "app::work",
            "/other/lib.rs:1",
        ];
        let places = places.map(str::to_owned);
        assert_eq!(
            relative_to(&places, Path::new("/w/app")),
            [
                "src/main.rs:7",
                "src/main.rs:7",
                "app::work",
                "/other/lib.rs:1"
            ]
        );
    }

    #[test]
    fn only_the_debug_command_accepts_gdbs_ex_flag() {
        let read = |text: &str| gdb_style(text.split(' ').map(OsString::from));
        assert_eq!(
            read("cargo kt debug app -ex bt"),
            read("cargo kt debug app --eval-command bt")
        );
        assert_eq!(read("cargo kt run -ex")[3], "-ex");
    }
}
