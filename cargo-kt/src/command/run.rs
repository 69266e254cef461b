//! `cargo kt run`.

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use kt::wire::{
    PROTOCOL,
    driver::{DriverConfig, Endpoint},
    limits,
    manifest::Manifest,
    state::StateOptions,
};
use tokio::sync::watch;

use super::{
    CommandError, ResetError,
    breakpoints::Breakpoints,
    clock::Clock,
    driver::{self, ConfigFile, Invocation},
    dry_run::{self, DryRun},
    environment,
    keeper::Keeper,
    resets, start, terminal,
    warm::{Wanted, Warm, warm},
};
use crate::{
    agent::{self, Agent, Symbolizer},
    build::Built,
    config, link,
    place::{Connected, PlaceName},
    plan::CargoOptions,
    terminal::{Terminal, text},
};

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) cargo: CargoOptions,
    #[command(flatten)]
    pub(super) service: ServiceArgs,
    // As cargo has it: a flag before the first of them is ours, so a slip in one is an error.
    /// Arguments for the program
    #[arg(
        trailing_var_arg = true,
        value_name = "ARGS",
        help_heading = Option::<&'static str>::None
    )]
    args: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "State Options")]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    pub(super) options: config::Flags,
    /// Print what would be made in the cluster, and do nothing
    #[arg(long, value_name = "FORM", value_enum, help_heading = config::Group::Service.title())]
    pub(super) dry_run: Option<DryRun>,
    /// Refuse new code that would reset a state
    #[arg(long, env = "KT_KEEP_STATE")]
    keep_state: bool,
    /// Reset this state if it cannot be migrated; may be repeated, `all` allows any
    #[arg(
        long,
        value_name = "NAME",
        env = "KT_RESET_STATE",
        value_delimiter = ',',
        num_args = 1,
        action = clap::ArgAction::Append,
        conflicts_with = "keep_state"
    )]
    reset_state: Vec<String>,
    /// How long running calls and locks may hold the migration of a state up
    #[arg(long, value_name = "DURATION", env = "KT_STATE_TIMEOUT", value_parser = config::duration::parse)]
    state_timeout: Option<Duration>,
    /// Do not ask before state is lost
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl ServiceArgs {
    /// Refuse new code that would reset a state.
    pub(super) fn keeps_state(&self) -> bool {
        self.keep_state
    }

    /// How a swap to this program is to treat its states.
    ///
    /// # Errors
    /// If a state is named that it does not have.
    pub(super) fn states(&self, manifest: &Manifest) -> Result<StateOptions, ResetError> {
        let patience = self.state_timeout.unwrap_or(limits::MIGRATION);
        Ok(StateOptions {
            keep: self.keep_state,
            resets: resets::resolve(&self.reset_state, manifest)?,
            patience_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

pub(super) fn run(args: RunArgs) -> ExitCode {
    let terminal = &terminal(&args.cargo);
    start(terminal, async {
        if let Some(form) = args.service.dry_run {
            dry_run::print(form, &args.cargo, &args.service)?;
            return Ok(ExitCode::SUCCESS);
        }
        let wanted = Wanted {
            options: &args.cargo,
            service: &args.service,
            program_arguments: args.args.len(),
        };
        let warm = warm(&wanted, terminal).await?;
        drive(warm, &args, terminal).await
    })
}

/// The command with which the program opens a shell.
fn shell(connected: &Connected) -> std::io::Result<Vec<OsString>> {
    let mut words = vec![std::env::current_exe()?.into_os_string()];
    words.extend(["kt", "ssh", &connected.service].map(OsString::from));
    words.extend(connected.place.options().into_iter().map(OsString::from));
    Ok(words)
}

/// Runs the program against the pod.
async fn drive(warm: Warm, args: &RunArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let keeper = Keeper::of(&warm, terminal);
    let Warm {
        surroundings,
        built,
        linked,
        driver: own,
        connected,
        swapped,
        run,
        options,
        clock,
        ..
    } = warm;
    let program = built.plan.program.name.clone();
    let folder = connected.socket.parent().unwrap_or(Path::new("/"));
    let io = |what: &str| {
        let what = what.to_owned();
        move |source| CommandError::Io { what, source }
    };
    let socket = folder.join(format!("agent-{}", std::process::id()));
    // A process of this number that was killed may have left one.
    let _ = std::fs::remove_file(&socket);
    let (breakpoint, breakpoints) = watch::channel(None);
    let agent = Agent {
        symbolizer: symbols(&built, &linked),
        breakpoint,
        answered: match connected.place {
            // What comes up in milliseconds has no phases to tell.
            PlaceName::Local => Box::new(|| {}),
            PlaceName::Kubernetes { .. } => answered(terminal, &clock),
        },
    };
    let answering = agent::serve(&socket, agent).map_err(io("listen to the program"))?;
    let answering = tokio::spawn(answering);
    let here = own.as_ref().map_or(&linked, |own| &own.0);
    let (executable, objects) = match &here.driver {
        link::Driver::Executable(file) => (file.path.as_std_path(), Vec::new()),
        link::Driver::Library => {
            let layers = here.layers.iter().skip(1).map(|layer| &layer.file);
            let objects = layers.chain(here.crates.iter().map(|krate| &krate.file));
            (
                here.launcher.path.as_std_path(),
                objects.map(|file| file.path.clone().into()).collect(),
            )
        }
    };
    let config = DriverConfig {
        protocol: PROTOCOL,
        parent: std::process::id(),
        service: connected.service.clone(),
        endpoint: Endpoint::Unix(connected.socket.clone()),
        token: Vec::new(),
        generation: swapped.generation,
        worker: swapped.worker,
        agent: Some(socket.clone()),
        objects,
        body_limit: options.service.body_limit,
        shell: shell(&connected).map_err(io("find this executable"))?,
        run,
    };
    let config =
        ConfigFile::write(folder, &config).map_err(io("leave the program its configuration"))?;
    let typed: String = args
        .args
        .iter()
        .map(|arg| format!(" {}", arg.to_string_lossy()))
        .collect();
    terminal.status(
        "Running",
        format_args!(
            "`{program}{typed}` against {} (generation {})",
            connected.service, swapped.generation
        ),
    );
    let environment = environment::of_driver(&surroundings, &built);
    // Others may build now: what runs is mapped, and what is mapped is never overwritten.
    drop(built.lock);
    let (started, process) = watch::channel(0);
    let invocation = Invocation {
        executable,
        name: &program,
        args: &args.args,
        config: &config,
        environment: &environment,
        started: &started,
    };
    let asking = Breakpoints::of(&connected, terminal);
    let asking = asking.map(|asker| (asker.idle(), tokio::spawn(asker.ask(breakpoints, process))));
    let keeping = keeper.map(|keeper| tokio::spawn(keeper.keep()));
    let status = driver::run(invocation).await;
    if let Some(keeping) = keeping {
        keeping.abort();
    }
    if let Some((idle, asking)) = asking {
        // Who looks at something in the debugger still does when the program has ended.
        idle.await;
        asking.abort();
    }
    let status = status.map_err(|source| CommandError::Start { program, source })?;
    answering.abort();
    let _ = std::fs::remove_file(&socket);
    drop(config);
    Ok(driver::end_like(status))
}

/// Tells of the first answer, with how long the program took for it and how long it all took.
fn answered(terminal: &Terminal, clock: &Clock) -> Box<dyn Fn() + Send + Sync> {
    let (terminal, clock, started) = (terminal.clone(), clock.clone(), clock.elapsed());
    Box::new(move || {
        let all = clock.elapsed();
        let took = all.saturating_sub(started);
        terminal.status(
            "Answered",
            format_args!(
                "the first call in {}, {} after the start",
                text::duration(took),
                text::duration(all)
            ),
        );
        let message = serde_json::json!({"phase": "first answer", "seconds": took.as_secs_f64()});
        terminal.json("kt-launch", &message);
    })
}

/// Knows the unstripped twin of each crate object of this program.
fn symbols(built: &Built, linked: &link::Linked) -> Symbolizer {
    let sonames: Vec<String> = linked
        .crates
        .iter()
        .map(|krate| krate.file.soname.clone())
        .collect();
    let warm = built.plan.warm_directory();
    let find = move |object: &str| {
        let known = sonames.iter().any(|soname| soname == object);
        known
            .then(|| link::debug_object(&warm, object).ok().map(Into::into))
            .flatten()
    };
    Symbolizer::new(Box::new(find), built.plan.workspace_root.clone().into())
}
