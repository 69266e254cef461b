//! Builds without cargo: replays cargo's rustc invocations for the crates whose sources changed and
//! for their dependents.

use std::process::Command;
use std::sync::Mutex;

use camino::Utf8PathBuf;

use super::compilation::{Compilation, CompilationError};
use super::error::At as _;
use super::fresh::Stale;
use super::messages::Shown;
use super::phases::Stopwatch;
use super::record::{Mode, Record};
use super::records::Records;
use super::schedule::{Progress, Schedule};
use super::sort::{HotUnit, Sorted};
use super::unit::{Purpose, Unit};
use super::{BuildError, Console, directory, environment, file};
use crate::artifacts::Invocation;
use crate::context::CargoContext;
use crate::plan::{Plan, ProgramKind};

/// The crates to compile, in order, or the reason why cargo must run.
pub(super) fn dirty(
    plan: &Plan,
    sorted: &Sorted,
    records: &[Option<Record>],
    stale: &[Option<Stale>],
) -> Result<Vec<usize>, String> {
    let (hot_stale, watched_stale) = stale.split_at(sorted.hot.len());
    if let Some(stale) = watched_stale.iter().flatten().next() {
        return Err(stale.to_string());
    }
    for (unit, stale) in sorted.hot.iter().zip(hot_stale) {
        let Some(stale) = stale else { continue };
        let can_replay = match stale {
            // A build script generated it, so cargo must run.
            Stale::Source(path) => unit.is_member && !path.starts_with(plan.cargo_directory()),
            Stale::Uncertain(_) | Stale::Artifact(_) | Stale::DebugInfo => unit.is_member,
            Stale::Extern(path) => {
                unit.is_member && sorted.hot.iter().any(|other| names(other, path))
            }
            Stale::Unrecorded(_) | Stale::Variable(_) => false,
        };
        if !can_replay {
            return Err(stale.to_string());
        }
    }
    let direct = sorted.direct_dependencies(plan, records);
    let mut dirty: Vec<bool> = hot_stale.iter().map(Option::is_some).collect();
    for index in 0..dirty.len() {
        // Dependencies precede their dependents, so one pass is enough.
        dirty[index] |= direct[index].iter().any(|&dependency| dirty[dependency]);
        if dirty[index] && !sorted.hot[index].is_member {
            return Err(format!(
                "`{}` is outside the workspace and depends on a changed crate",
                sorted.hot[index].crate_name
            ));
        }
    }
    Ok((0..dirty.len()).filter(|&index| dirty[index]).collect())
}

/// One digest of all recorded sources, hashed now.
pub(super) fn sources_digest(read: &[Option<Record>]) -> String {
    let sources = read.iter().flatten().flat_map(|record| &record.sources);
    let paths: Vec<_> = sources.map(|(path, _)| path.as_path()).collect();
    let hashes: Vec<_> = file::hash_all(&paths)
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect();
    file::hash_bytes(hashes.join("\n").as_bytes())
}

fn names(unit: &HotUnit, path: &Utf8PathBuf) -> bool {
    *path == unit.rlib || *path == unit.rlib.with_extension("rmeta")
}

/// One crate to recompile.
struct Task<'a> {
    hot: &'a HotUnit,
    invocation: &'a Invocation,
    unit: Unit,
    /// rustc's arguments for this run.
    arguments: Vec<String>,
}

/// The state that all tasks share.
struct Replay<'a> {
    plan: &'a Plan,
    records: &'a Records,
    context: &'a CargoContext,
    console: &'a dyn Console,
    stopwatch: &'a Stopwatch,
    tasks: Vec<Task<'a>>,
    /// The first failure other than code that does not compile.
    error: Mutex<Option<CompilationError>>,
}

/// How many crates to compile at once: `--jobs` or `build.jobs`, as cargo reads them. `None` for a
/// value that cargo rejects.
pub(super) fn jobs(plan: &Plan) -> Option<usize> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = plan.options.jobs.as_ref().or(plan.configured_jobs.as_ref());
    match jobs.map(String::as_str) {
        None | Some("default") => Some(processors),
        Some(number) => match number.parse::<isize>().ok()? {
            0 => None,
            jobs if jobs < 0 => Some(processors.saturating_add_signed(jobs).max(1)),
            jobs => usize::try_from(jobs).ok(),
        },
    }
}

/// Compiles the `dirty` hot crates.
///
/// # Errors
/// If the code does not compile (rustc printed why), or rustc cannot be run.
pub(super) fn replay(
    plan: &Plan,
    sorted: &Sorted,
    read: &[Option<Record>],
    dirty: &[usize],
    context: &CargoContext,
    console: &dyn Console,
    stopwatch: &Stopwatch,
) -> Result<(), BuildError> {
    let records = Records::below(&plan.kt_dir(), &plan.workspace_root);
    let direct = sorted.direct_dependencies(plan, read);
    let mut tasks = Vec::with_capacity(dirty.len());
    let mut needs = Vec::with_capacity(dirty.len());
    for &index in dirty {
        let task = read[index]
            .as_ref()
            .and_then(|record| task(&sorted.hot[index], record, sorted));
        let what = || format!("`{}`", sorted.hot[index].crate_name);
        let task = task.ok_or_else(|| BuildError::MissingArtifact { what: what() })?;
        let metadata_is_enough = match task.unit.purpose {
            Purpose::Program => read[index]
                .as_ref()
                .is_some_and(|record| record.mode == Some(Mode::Library)),
            // A cdylib is linked, so rustc reads the rlibs of its dependencies.
            _ => task.unit.emits_metadata,
        };
        let among = |dependency: &usize| dirty.iter().position(|dirty| dirty == dependency);
        needs.push((
            direct[index].iter().filter_map(among).collect(),
            metadata_is_enough,
        ));
        tasks.push(task);
    }
    for task in &tasks {
        // From here on cargo must not take these artifacts for fresh.
        let key = &task.hot.key;
        directory::forget(key, &plan.packages[task.hot.package].name)?;
        // rustc prefers an old rlib to new metadata beside it (see cargo's `rustc` function).
        if task.unit.emits_metadata {
            let rlib = task.unit.rlib();
            file::absent_is_fine(std::fs::remove_file(&rlib)).at("remove", &rlib)?;
        }
    }
    let replay = Replay {
        plan,
        records: &records,
        context,
        console,
        stopwatch,
        tasks,
        error: Mutex::new(None),
    };
    let jobs = jobs(plan).unwrap_or(1);
    replay.announce();
    let succeeded =
        Schedule::new(&needs).run(jobs, &|index, progress| replay.compile(index, progress));
    if let Some(error) = replay.error.into_inner().unwrap_or_default() {
        return Err(BuildError::Replay(Box::new(error)));
    }
    // cargo exits with 101 for any exit status of rustc.
    if succeeded {
        Ok(())
    } else {
        Err(BuildError::Compile { code: 101 })
    }
}

/// Creates a task from a record. `None` if the record has no usable invocation.
fn task<'a>(hot: &'a HotUnit, record: &'a Record, sorted: &Sorted) -> Option<Task<'a>> {
    let invocation = record.invocation.as_ref()?;
    let (_, arguments) = invocation.arguments.split_first()?;
    let unit = invocation.unit()?;
    let mut arguments = arguments.to_vec();
    if unit.purpose == Purpose::Program {
        // cargo passes rlibs to programs, because it links them. Metadata is available sooner.
        for argument in &mut arguments {
            if let Some((name, path)) = argument.split_once('=')
                && let Some(other) = sorted.hot.iter().find(|other| path == other.rlib)
                && other.has_metadata()
            {
                *argument = format!("{name}={}", other.rlib.with_extension("rmeta"));
            }
        }
    }
    Some(Task {
        hot,
        invocation,
        unit,
        arguments,
    })
}

impl Replay<'_> {
    /// Prints `Compiling` once per package, as cargo does.
    fn announce(&self) {
        let mut announced: Vec<usize> = Vec::new();
        for task in &self.tasks {
            if !announced.contains(&task.hot.package) {
                announced.push(task.hot.package);
                let package = &self.plan.packages[task.hot.package];
                let text = format!(
                    "{} v{} ({})",
                    package.name,
                    package.version,
                    package.directory()
                );
                self.console.status("Compiling", &text);
            }
        }
    }

    /// Compiles one crate. Returns false if that failed.
    fn compile(&self, index: usize, progress: &Progress<'_>) -> bool {
        let task = &self.tasks[index];
        let compilation = Compilation {
            records: self.records,
            unit: &task.unit,
            invocation: task.invocation,
            arguments: &task.arguments,
            command: &|| self.command(task.invocation),
            before_linking: &|| progress.wait_for_all(),
        };
        let mut shown = Shown::new(self.console);
        let mut line = |line: &str| {
            if shown.line(line) {
                progress.metadata();
            }
        };
        let name = format!("rustc {}", task.hot.crate_name);
        let outcome = self.stopwatch.measure(name, || compilation.run(&mut line));
        let package = &self.plan.packages[task.hot.package].name;
        match outcome {
            Ok(status) => {
                shown.finish(package, &self.target(task), status.success());
                status.success()
            }
            // Another crate failed and reported it.
            Err(CompilationError::Upstream) => false,
            Err(error) => {
                if let Ok(mut first) = self.error.lock() {
                    first.get_or_insert(error);
                }
                false
            }
        }
    }

    /// The target as in cargo's messages: `lib`, `bin "app"`.
    fn target(&self, task: &Task<'_>) -> String {
        match (task.unit.purpose, self.plan.program.kind) {
            (Purpose::Program, ProgramKind::Bin) => format!("bin \"{}\"", self.plan.program.name),
            (Purpose::Program, ProgramKind::Example) => {
                format!("example \"{}\"", self.plan.program.name)
            }
            _ => "lib".to_owned(),
        }
    }

    fn command(&self, invocation: &Invocation) -> Command {
        // The arguments of a task have at least the compiler; see `task`.
        let compiler = invocation.arguments.first().map_or("rustc", String::as_str);
        let mut command = self.plan.toolchain.wrappers.member_command(compiler);
        self.context.apply(&mut command);
        command
            .current_dir(&invocation.directory)
            .env("KT_BUILD", "1")
            .envs(
                invocation
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(std::process::Stdio::null());
        environment::remove_closed_jobserver(&mut command);
        command
    }
}
