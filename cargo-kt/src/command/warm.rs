//! What `run` and `build` have in common: from what was typed to a pod that serves it, checked at the far end.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use kt::wire::{
    control::{self, Outcome, Replaced, Swapped},
    manifest::Manifest,
};
use serde::Serialize;

use super::CommandError;
use crate::{
    build::{self, Built, How},
    layout::{self, LayoutRequest, StateLayout},
    link::{self, BaseChange, LinkEvent, Linked, Replacement},
    place::{
        Dirs,
        local::{self, Connected, ServiceSpec},
        service,
    },
    plan::{CargoOptions, Surroundings},
    ship,
    terminal::{Terminal, text},
};

/// A pod that serves exactly what lies here.
#[derive(Debug)]
pub(super) struct Warm {
    pub(super) surroundings: Surroundings,
    pub(super) built: Built,
    pub(super) linked: Linked,
    pub(super) connected: Connected,
    pub(super) swapped: Swapped,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) options: &'a CargoOptions,
    pub(super) inactivity_ttl: Option<Duration>,
    pub(super) body_limit: usize,
}

/// Builds, links, ships and swaps.
pub(super) async fn warm(wanted: &Wanted<'_>, terminal: &Terminal) -> Result<Warm, CommandError> {
    let surroundings = Surroundings::current().map_err(build::BuildError::from)?;
    let built = build::build(wanted.options, &surroundings, terminal)?;
    // Said when something is planned anew, not at every run.
    if let How::Cargo { reason } = &built.how {
        terminal.detail("Planning", format_args!("through cargo: {reason}"));
        built
            .plan
            .notices
            .iter()
            .for_each(|notice| terminal.warning(notice));
    }
    let dirs = Dirs::current()?;
    for notice in &dirs.notices {
        terminal.warning(notice);
    }
    let spec = spec(wanted, &surroundings, &built)?;
    // What runs already decides which layers the base has.
    let running = local::find(&dirs, &spec).await?;
    let existing = running
        .as_ref()
        .and_then(|running| running.status.current.as_ref());
    let existing = existing
        .map(|(_, manifest)| ship::layers_of(manifest))
        .unwrap_or_default();
    let linked = link::link(
        &built.compiled,
        &built.plan.warm_directory(),
        &existing,
        &|event| linking(terminal, event),
    )?;
    if linked.crates.iter().all(|krate| krate.functions.is_empty()) {
        return Err(CommandError::NoRemoteFunction {
            program: built.plan.program.name,
        });
    }
    if let Some(crate_name) = &linked.global_allocator {
        terminal.warning(format_args!(
            "the `#[global_allocator]` of `{crate_name}` is not used under cargo kt: the program and the warm process share std's"
        ));
    }
    let layouts = layouts(&built, &linked)?;
    for layout in &layouts {
        if let Err(unknown) = &layout.layout {
            let (mut why, mut cause) = (unknown.to_string(), unknown.source());
            while let Some(error) = cause {
                why += &format!(": {error}");
                cause = error.source();
            }
            terminal.detail(
                "Layout",
                format_args!("of `{}` is unknown: {why}", name_of(&layout.key)),
            );
        }
    }
    let program = &built.plan.program.name;
    let manifest = ship::manifest(program, &built.compiled, &linked, &layouts)
        .map_err(CommandError::Manifest)?;

    let connected = local::connect_or_start(&dirs, &spec).await?;
    let replaces = connected.status.worker.is_some()
        && connected
            .status
            .current
            .as_ref()
            .is_some_and(|(_, current)| !manifest.same_worker(current));
    if replaces {
        say_replacement(terminal, &connected, &linked.base_change, &manifest);
    }
    let swapped = swap(terminal, &connected, &manifest, &linked).await?;
    Ok(Warm {
        surroundings,
        built,
        linked,
        connected,
        swapped,
    })
}

/// The service that this program has.
fn spec(
    wanted: &Wanted<'_>,
    surroundings: &Surroundings,
    built: &Built,
) -> Result<ServiceSpec, CommandError> {
    let name = service::name(&service::user(), &built.plan.program.name);
    let workspace = built.plan.workspace_root.to_string();
    let directory = surroundings.directory.clone().into();
    let mut spec =
        ServiceSpec::new(name, workspace, directory).map_err(|source| CommandError::Io {
            what: "find this executable".into(),
            source,
        })?;
    spec.inactivity_ttl = wanted.inactivity_ttl;
    spec.body_limit = wanted.body_limit;
    spec.environment = surroundings.environment.clone();
    Ok(spec)
}

/// The layout of every state in the program.
fn layouts(built: &Built, linked: &Linked) -> Result<Vec<StateLayout>, CommandError> {
    // Both list the same crates in the same order: dependencies first.
    let states: Vec<(usize, Vec<String>)> = linked
        .crates
        .iter()
        .enumerate()
        .filter(|(_, krate)| !krate.states.is_empty())
        .map(|(index, krate)| (index, krate.states.clone()))
        .collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let base: String = linked
        .layers
        .iter()
        .map(|layer| layer.file.blake3.as_str())
        .collect();
    let warm = built.plan.warm_directory();
    Ok(layout::fingerprints(LayoutRequest {
        compiled: &built.compiled,
        states: &states,
        base_id: &base,
        warm: &warm,
    })?)
}

fn linking(terminal: &Terminal, event: LinkEvent) {
    let link = |name: &str, size: u64, elapsed: Duration| {
        terminal.status(
            "Linking",
            format_args!(
                "{name} ({}) in {}",
                text::bytes(size),
                text::duration(elapsed)
            ),
        );
        terminal.json(
            "kt-linked",
            &serde_json::json!({"name": name, "bytes": size, "seconds": elapsed.as_secs_f64()}),
        );
    };
    match event {
        LinkEvent::Base {
            crates,
            file,
            elapsed,
        } => {
            link(
                &format!("base of {}", text::count(crates, "crate")),
                file.size,
                elapsed,
            );
        }
        LinkEvent::Object {
            crate_name,
            file,
            elapsed,
        } => link(&crate_name, file.size, elapsed),
        LinkEvent::Launcher { file, elapsed } => link("launcher", file.size, elapsed),
        LinkEvent::Executable { file, elapsed } => link("executable", file.size, elapsed),
        LinkEvent::Command(command) => terminal.detail("Running", format_args!("`{command}`")),
        LinkEvent::Weakened { object, symbols } => terminal.detail(
            "Linking",
            format_args!(
                "{object} without {}, which no library defines",
                symbols.join(", ")
            ),
        ),
    }
}

/// Says before it happens that a worker goes, and with it what it holds.
fn say_replacement(
    terminal: &Terminal,
    connected: &Connected,
    change: &BaseChange,
    manifest: &Manifest,
) {
    let current = connected
        .status
        .current
        .as_ref()
        .map(|(_, current)| current);
    let why = match (change, current) {
        (_, Some(current)) if current.profile != manifest.profile => {
            format!(
                "the profile is `{}` now, and was `{}`",
                manifest.profile, current.profile
            )
        }
        (_, Some(current)) if current.rustc != manifest.rustc => {
            "the toolchain is another one".into()
        }
        (
            BaseChange::Replaced {
                why: Replacement::CratesChanged(crates),
            },
            _,
        ) => {
            let crates: Vec<String> = crates
                .iter()
                .map(|(package, from, to)| match from == to {
                    true => format!("{package} (its features or flags)"),
                    false => format!("{package} ({from} → {to})"),
                })
                .collect();
            format!("dependencies changed: {}", crates.join(", "))
        }
        (
            BaseChange::Replaced {
                why: Replacement::CratesGone(crates),
            },
            _,
        ) => {
            let crates: Vec<&str> = crates.iter().map(|it| it.package.as_str()).collect();
            format!("dependencies are gone: {}", crates.join(", "))
        }
        (
            BaseChange::Replaced {
                why: Replacement::StaticTls { bytes },
            },
            _,
        ) => {
            format!(
                "the new dependencies need {bytes} bytes of static thread-local memory, more than a running process can give"
            )
        }
        _ => "the base is another one".into(),
    };
    terminal.warning(format_args!(
        "{} needs a new worker, the state of the present one is lost: {why}",
        connected.service
    ));
}

/// Sends what the pod lacks, swaps, and checks that what answers is what was linked.
async fn swap(
    terminal: &Terminal,
    connected: &Connected,
    manifest: &Manifest,
    linked: &Linked,
) -> Result<Swapped, CommandError> {
    let started = Instant::now();
    let service = || connected.service.clone();
    let failed = |source| CommandError::Ship {
        service: service(),
        source,
    };
    let files = ship::files(linked).map_err(CommandError::Manifest)?;
    let (mut bar, mut elapsed) = (None, Duration::ZERO);
    let mut progress = |progress: ship::Progress| {
        bar.get_or_insert_with(|| terminal.progress("Shipping", progress.total))
            .set(progress.sent);
        elapsed = started.elapsed();
    };
    let swapped = ship::swap(&connected.client, manifest, &files, true, &mut progress).await;
    drop(bar);
    let (shipped, swapped) = swapped.map_err(failed)?;
    if shipped.objects > 0 {
        let objects = text::count(shipped.objects, "object");
        let all = manifest.objects().count();
        let (bytes, took) = (text::bytes(shipped.bytes), text::duration(elapsed));
        terminal.status(
            "Shipping",
            format_args!("{objects} of {all} ({bytes}) in {took}"),
        );
        let seconds = elapsed.as_secs_f64();
        let message = serde_json::json!({"objects": shipped.objects, "bytes": shipped.bytes, "seconds": seconds});
        terminal.json("kt-shipped", &message);
    }
    // The worker says what it found in its own memory; anything else than what was linked would be old code.
    let sent: Vec<_> = manifest
        .crates
        .iter()
        .map(|it| (&it.object.name, &it.object.build_id))
        .collect();
    let found: Vec<_> = swapped
        .loaded
        .iter()
        .map(|it| (&it.name, &it.build_id))
        .collect();
    if sent != found {
        let list = |objects: &[(&String, &String)]| {
            objects
                .iter()
                .map(|(name, id)| format!("{name} ({id})"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        return Err(CommandError::NotWhatWasSent {
            service: service(),
            sent: list(&sent),
            found: list(&found),
        });
    }
    report(terminal, connected, &swapped);
    Ok(swapped)
}

/// What the swap did, in one line, and a line for each state that lost or may surprise.
fn report(terminal: &Terminal, connected: &Connected, swapped: &Swapped) {
    #[derive(Serialize)]
    struct Message<'a> {
        service: &'a str,
        #[serde(flatten)]
        swapped: &'a Swapped,
    }
    terminal.json(
        "kt-swapped",
        &Message {
            service: &connected.service,
            swapped,
        },
    );
    if let Some(Replaced::Died(death)) = &swapped.replaced {
        let death = kt::Death::from(death.clone());
        terminal.warning(format_args!(
            "the worker of {} had died, its state is gone: {death}",
            connected.service
        ));
    }
    if !swapped.changed {
        return;
    }
    let kept = swapped
        .states
        .iter()
        .filter(|state| matches!(state.outcome, Outcome::Kept { .. }))
        .count();
    let mut line = format!(
        "generation {} into {} in {}",
        swapped.generation,
        connected.service,
        text::duration(Duration::from_micros(swapped.load_us))
    );
    match swapped
        .states
        .iter()
        .find(|state| matches!(state.outcome, Outcome::Kept { .. }))
    {
        Some(only) if kept == 1 => line += &format!(", kept {}", name_of(&only.key)),
        Some(_) => line += &format!(", kept {}", text::count(kept, "state")),
        None => {}
    }
    terminal.status("Swapped", line);
    for control::StateOutcome { key, outcome } in &swapped.states {
        let name = name_of(key);
        match outcome {
            Outcome::Created | Outcome::Kept { initialiser_changed: false } => {}
            Outcome::Kept { initialiser_changed: true } => {
                terminal.note(format_args!("state `{name}` keeps its value, though its initialiser was edited"));
            }
            Outcome::Reset { reason } => {
                terminal.warning(format_args!("state `{name}` was reset to its initial value: {reason}"));
            }
            Outcome::Restored => terminal.warning(format_args!(
                "state `{name}` has the value back that it had when this very code was loaded before"
            )),
            Outcome::Removed => terminal.note(format_args!("state `{name}` is gone from the program; its value is set aside")),
        }
    }
}

/// `package/bin:module::NAME` → `module::NAME`.
fn name_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, name)| name)
}
