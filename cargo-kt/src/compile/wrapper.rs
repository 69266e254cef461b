//! Runs this executable as rustc's wrapper (RUSTC_WORKSPACE_WRAPPER) or as the linker.

use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ExitCode, ExitStatus};

use camino::{Utf8Path, Utf8PathBuf};

use super::compilation::Compilation;
use super::environment::Snapshot;
use super::linker;
use super::records::Records;
use super::unit::Unit;
use crate::artifacts::Invocation;
use crate::context::{Wrappers, argfile, cfg};

/// Set on cargo: the directory of the records.
pub(super) const DIRECTORY: &str = "KT_WRAPPER";
/// The symbolic link's name.
pub(super) const NAME: &str = "kt-rustc";

/// If this process was started as rustc's wrapper or as the linker, acts as it and returns the exit
/// status. Call this first in `main`, before arguments are parsed.
///
/// Both `argv[0]` and the environment decide, since build scripts inherit the environment.
pub fn multi_call() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let name = arguments.next()?;
    match Utf8Path::new(&name).file_name()? {
        NAME => {
            let directory = std::env::var(DIRECTORY).ok();
            Some(wrapper_main(
                directory.map(Utf8PathBuf::from),
                arguments.collect(),
            ))
        }
        cfg::NAME => Some(cfg::main(&arguments.collect::<Vec<_>>(), NAME, |name| {
            std::env::var(name).ok()
        })),
        linker::NAME => {
            let directory = std::env::var(linker::DIRECTORY).ok()?;
            Some(linker::linker_main(
                Utf8Path::new(&directory),
                &arguments.collect::<Vec<_>>(),
            ))
        }
        _ => None,
    }
}

/// Acts as rustc's wrapper. `arguments` are the compiler and its arguments. Without a directory of
/// records it only calls rustc.
fn wrapper_main(records: Option<Utf8PathBuf>, arguments: Vec<String>) -> ExitCode {
    let Some((compiler, rest)) = arguments.split_first() else {
        eprintln!("error: {NAME} is called by cargo, with a compiler and its arguments");
        return ExitCode::FAILURE;
    };
    let wrappers = Wrappers::passed();
    let pass_through = || {
        let mut command = wrappers.member_command(compiler);
        let error = command.args(rest).exec();
        let program = command.get_program().to_string_lossy();
        eprintln!("error: failed to run `{program}`: {error}");
        ExitCode::FAILURE
    };
    let Some(records) = records else {
        return pass_through();
    };
    let Ok(directory) = std::env::current_dir().map(Utf8PathBuf::from_path_buf) else {
        return pass_through();
    };
    let Ok(directory) = directory else {
        return pass_through();
    };
    let Ok(rest) = argfile::expanded(rest, &directory) else {
        return pass_through();
    };
    let Some(unit) = Unit::parse(&rest, |name| std::env::var(name).ok()) else {
        return pass_through();
    };
    let Ok(snapshot) = Snapshot::read(&records) else {
        return pass_through();
    };
    let environment = snapshot.changes();
    // A build script called cargo for another program.
    if environment
        .iter()
        .any(|(name, _)| name == cfg::OF_BUILD_SCRIPTS)
    {
        return pass_through();
    }
    let invocation = Invocation {
        arguments: std::iter::once(compiler.clone())
            .chain(rest.iter().cloned())
            .collect(),
        environment,
        directory,
    };
    let compilation = Compilation {
        records: &Records::at(records),
        unit: &unit,
        invocation: &invocation,
        arguments: &rest,
        command: &|| wrappers.member_command(compiler),
        // cargo compiles a program last, when the rlibs of its dependencies exist.
        before_linking: &|| true,
    };
    let mut stderr = std::io::stderr();
    // Line by line: cargo starts dependents as soon as it reads that the metadata is written.
    match compilation.run(&mut |line| drop(writeln!(stderr, "{line}"))) {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!(
                "error: failed to compile `{}` for kt: {}",
                unit.crate_name,
                chain(&error)
            );
            ExitCode::FAILURE
        }
    }
}

/// rustc's exit status as that of this process. For a signal it is 128 + signal, as in a shell.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
