//! *call*: runs the program on this machine, with a configuration that leads its calls to the
//! worker.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use kt::wire::{
    PROTOCOL,
    data::BreakpointReached,
    driver::{DriverConfig, Endpoint},
};
use tokio::{sync::watch, task::JoinHandle};
use tracing::Instrument;

use super::{
    Deployed, SessionError,
    breakpoints::Breakpoints,
    driver_process::{self, ConfigFile, Invocation},
    environment,
    redeploy::Redeployer,
    timings::Timings,
};
use crate::{
    agent::{self, Agent, Symbolizer},
    compile::Built,
    link,
    place::{Connected, PlaceName},
    terminal::{Terminal, text},
};

/// Runs the program until it exits. Its exit status is ours.
///
/// # Errors
/// If it cannot be started.
pub(crate) async fn run(
    deployed: Deployed,
    args: &[OsString],
    terminal: &Terminal,
) -> Result<ExitCode, SessionError> {
    let redeployer = Redeployer::of(&deployed, terminal);
    let agent = AgentTask::start(&deployed, terminal)?;
    let executable = Executable::of(&deployed);
    let config = write_config(&deployed, &agent.socket, executable.objects)?;
    let Deployed {
        context,
        built,
        connected,
        swapped,
        ..
    } = deployed;
    let program = built.plan.program.name.clone();
    let typed: String = args
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
    let environment = environment::of_driver(&context, &built);
    // Another build may start: what runs is mapped, and a mapped file is never overwritten.
    drop(built.lock);
    let (started, process) = watch::channel(0);
    let invocation = Invocation {
        executable: &executable.path,
        name: &program,
        args,
        config: &config,
        environment: &environment,
        started: &started,
    };
    let asking = Breakpoints::of(&connected, terminal);
    let asking = asking.map(|asker| {
        (
            asker.idle(),
            tokio::spawn(asker.ask(agent.breakpoints, process)),
        )
    });
    let redeploying = redeployer.map(|redeployer| tokio::spawn(redeployer.run()));
    let status = driver_process::run(invocation)
        .instrument(tracing::debug_span!("call"))
        .await;
    if let Some(redeploying) = redeploying {
        redeploying.abort();
    }
    if let Some((idle, asking)) = asking {
        // A debugger may still be open when the program has exited.
        idle.await;
        asking.abort();
    }
    let status = status.map_err(|source| SessionError::Start { program, source })?;
    agent.task.abort();
    let _ = std::fs::remove_file(&agent.socket);
    drop(config);
    Ok(driver_process::exit_like(status))
}

/// Answers the program's questions while it runs.
struct AgentTask {
    socket: PathBuf,
    task: JoinHandle<()>,
    breakpoints: watch::Receiver<Option<BreakpointReached>>,
}

impl AgentTask {
    fn start(deployed: &Deployed, terminal: &Terminal) -> Result<Self, SessionError> {
        let socket = folder(&deployed.connected).join(format!("agent-{}", std::process::id()));
        // A killed process with this id may have left one.
        let _ = std::fs::remove_file(&socket);
        let (breakpoint, breakpoints) = watch::channel(None);
        let agent = Agent {
            symbolizer: symbols(&deployed.built, &deployed.linked),
            breakpoint,
            answered: match deployed.connected.place {
                // A local service starts in milliseconds.
                PlaceName::Local => Box::new(|| {}),
                PlaceName::Kubernetes { .. } => answered(terminal, &deployed.timings),
            },
        };
        let serving =
            agent::serve(&socket, agent).map_err(SessionError::io("listen to the program"))?;
        Ok(Self {
            socket,
            task: tokio::spawn(serving),
            breakpoints,
        })
    }
}

/// The program's executable, and the objects that it loads.
struct Executable {
    path: PathBuf,
    objects: Vec<PathBuf>,
}

impl Executable {
    fn of(deployed: &Deployed) -> Self {
        let own = deployed.driver.as_ref().map(|driver| &driver.0);
        let linked = own.unwrap_or(&deployed.linked);
        match &linked.driver {
            link::Driver::Executable(file) => Self {
                path: file.path.clone().into(),
                objects: Vec::new(),
            },
            link::Driver::Library => {
                let layers = linked.layers.iter().skip(1).map(|layer| &layer.file);
                let objects = layers.chain(linked.crates.iter().map(|krate| &krate.file));
                Self {
                    path: linked.launcher.path.clone().into(),
                    objects: objects.map(|file| file.path.clone().into()).collect(),
                }
            }
        }
    }
}

/// The folder of the service's socket.
fn folder(connected: &Connected) -> &Path {
    connected.socket.parent().unwrap_or(Path::new("/"))
}

fn write_config(
    deployed: &Deployed,
    agent: &Path,
    objects: Vec<PathBuf>,
) -> Result<ConfigFile, SessionError> {
    let connected = &deployed.connected;
    let config = DriverConfig {
        protocol: PROTOCOL,
        parent: std::process::id(),
        service: connected.service.clone(),
        endpoint: Endpoint::Unix(connected.socket.clone()),
        token: Vec::new(),
        generation: deployed.swapped.generation,
        worker: deployed.swapped.worker,
        agent: Some(agent.to_owned()),
        objects,
        body_limit: deployed.config.service.body_limit,
        shell: shell(connected).map_err(SessionError::io("find this executable"))?,
        run: deployed.run.clone(),
    };
    ConfigFile::write(folder(connected), &config)
        .map_err(SessionError::io("write the program's configuration"))
}

/// The command with which the program opens a shell.
fn shell(connected: &Connected) -> std::io::Result<Vec<OsString>> {
    let mut command = vec![std::env::current_exe()?.into_os_string()];
    command.extend(["kt", "ssh", &connected.service].map(OsString::from));
    command.extend(connected.place.options().into_iter().map(OsString::from));
    Ok(command)
}

/// Reports the first answer: the time since the program started, and since the command started.
fn answered(terminal: &Terminal, timings: &Timings) -> Box<dyn Fn() + Send + Sync> {
    let (terminal, timings, started) = (terminal.clone(), timings.clone(), timings.elapsed());
    Box::new(move || {
        let all = timings.elapsed();
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

/// Finds the debug object of each crate object of this program.
fn symbols(built: &Built, linked: &link::Linked) -> Symbolizer {
    let sonames: Vec<String> = linked
        .crates
        .iter()
        .map(|krate| krate.file.soname.clone())
        .collect();
    let directory = built.plan.kt_dir();
    let find = move |object: &str| {
        let known = sonames.iter().any(|soname| soname == object);
        known
            .then(|| link::debug_object(&directory, object).ok().map(Into::into))
            .flatten()
    };
    Symbolizer::new(Box::new(find), built.plan.workspace_root.clone().into())
}
