//! What `run` and `build` have in common: from what was typed to a pod that serves it, checked at the far end.

use kt::{
    Run,
    wire::{control::Swapped, manifest::Manifest},
};

use super::{
    CommandError,
    clock::Clock,
    code::{Code, Driver},
    environment,
    fit::Fitting,
    last_build::LastBuild,
    replacement,
    report::{self, Differences, LaunchReport},
    resets,
    run::ServiceArgs,
    swap::Swap,
};
use crate::{
    build::{self, Built, How},
    config::{Config, PlaceKind},
    link::Linked,
    place::{self, Connected, Dirs, PendingService, kubernetes, local::ServiceSpec, service},
    plan::{CargoOptions, Plan, Surroundings},
    ship::{self, Files, Shipment},
    terminal::Terminal,
};

/// A pod that serves exactly what lies here.
#[derive(Debug)]
pub(super) struct Warm {
    pub(super) surroundings: Surroundings,
    pub(super) built: Built,
    pub(super) linked: Linked,
    /// What runs here, where that is not what runs in the pod.
    pub(super) driver: Option<Driver>,
    pub(super) connected: Connected,
    pub(super) swapped: Swapped,
    pub(super) options: Config,
    pub(super) manifest: Manifest,
    pub(super) files: Files,
    pub(super) dirs: Dirs,
    pub(super) place: place::ServiceSpec,
    /// What the driver is told of this run.
    pub(super) run: Run,
    pub(super) clock: Clock,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) options: &'a CargoOptions,
    pub(super) service: &'a ServiceArgs,
    /// How many of the words that were typed are the program's.
    pub(super) program_arguments: usize,
}

/// Builds, links, ships and swaps.
pub(super) async fn warm(wanted: &Wanted<'_>, terminal: &Terminal) -> Result<Warm, CommandError> {
    let clock = Clock::start();
    let surroundings = Surroundings::current().map_err(build::BuildError::from)?;
    let mut prepared = build::prepare(wanted.options, &surroundings, terminal)?;
    let dirs = Dirs::current()?;
    for notice in &dirs.notices {
        terminal.warning(notice);
    }
    let options = super::options::resolve(&wanted.service.options, prepared.plan(), &surroundings)?;
    super::options::warn(&options, terminal);
    let place = service(&options, &surroundings, prepared.plan())?;
    let toolchain = prepared.plan().toolchain.clone();
    if toolchain.is_cross() {
        if options.service.place == PlaceKind::Local {
            return Err(CommandError::ForeignTarget {
                target: toolchain.target,
                host: toolchain.host,
            });
        }
        toolchain.check_target().map_err(build::BuildError::from)?;
    }
    let launch = LaunchReport::new(terminal.clone(), clock.clone());
    let told = Box::new(move |step| launch.step(step));
    let mut opening = PendingService::begin(dirs.clone(), place.clone(), told);
    let compiling = clock.elapsed();
    let of_service = (&options, prepared.plan(), &dirs);
    let mut fitting = Fitting::new(wanted.options, &surroundings, terminal, of_service);
    // What fails here leaves no launch half done: the pod is warm for the next attempt.
    let making = async {
        let mut driver = None;
        if toolchain.is_cross() {
            let introduced = fitting.prepare_cross(prepared.plan());
            // Two builds: the program runs here and its remote functions there. Each takes the build's lock.
            drop(prepared);
            introduced?;
            driver = Some(Driver::build(wanted.options, &surroundings, terminal)?);
            prepared = build::prepare(wanted.options, &surroundings, terminal)?;
        }
        let built = prepared.compile()?;
        clock.phase("compile", compiling);
        // Said when something is planned anew, not at every run.
        if let How::Cargo { reason } = &built.how {
            terminal.detail("Planning", format_args!("through cargo: {reason}"));
            built
                .plan
                .notices
                .iter()
                .for_each(|notice| terminal.warning(notice));
        }
        // What runs already decides which layers the base has.
        let running = opening.running().await?;
        let existing = running
            .as_ref()
            .and_then(|running| running.status.current.as_ref());
        let existing = existing
            .map(|(_, manifest)| ship::layers_of(manifest))
            .unwrap_or_default();
        let linking = clock.elapsed();
        let fitted = fitting.link(built, &existing)?;
        let (built, linked, _) = &fitted;
        if linked.crates.iter().all(|krate| krate.functions.is_empty()) {
            return Err(CommandError::NoRemoteFunction {
                program: built.plan.program.name.clone(),
            });
        }
        if let Some(crate_name) = &linked.global_allocator {
            terminal.warning(format_args!(
                "the `#[global_allocator]` of `{crate_name}` is not used under cargo kt: the program and the warm process share std's"
            ));
        }
        if linked.registers_here_only {
            terminal.warning(format_args!(
                "the warm process lacks what `{0}` registers before `main` (`inventory`, `typetag`, `#[ctor]`): the crate of `main` has no item of kt\n\
                 help: move it to a library crate, or give the crate of `main` a function with `#[kt::remote]`",
                built.plan.program.name
            ));
        }
        let code = Code::of(fitted, terminal)?;
        let states = wanted.service.states(&code.manifest)?;
        clock.phase("link", linking);
        Ok((driver, code, existing, states))
    };
    let made: Result<_, CommandError> = making.await;
    let (driver, mut code, existing, states) = match made {
        Ok(made) => made,
        Err(error) => {
            opening.wait_until_detached().await;
            return Err(error);
        }
    };
    let (connected, held) = opening.connected().await?;
    report::expired(terminal, &connected);
    // Before anything is sent: a worker that could not load it is never started.
    let target = code.built.plan.toolchain.target.clone();
    while fitting.adapt(&code.linked, &target, &connected)? {
        code = Code::of(fitting.link(code.built, &existing)?, terminal)?;
    }
    let Code {
        built,
        linked,
        layouts,
        mut manifest,
    } = code;
    manifest.environment = environment::of_worker(&options, &built, &surroundings);
    let replaces = connected.status.worker.is_some()
        && connected
            .status
            .current
            .as_ref()
            .is_some_and(|(_, current)| !manifest.same_worker(current));
    let lost = match replaces {
        true => {
            let change = (&linked.base_change, &manifest);
            replacement::agree(&connected, terminal, change, wanted.service).await?
        }
        false => Vec::new(),
    };
    let current = connected.status.current.as_ref();
    let differences = Differences::between(
        &built.plan.warm_directory(),
        current.map(|(_, current)| current),
        &layouts,
        &built.plan.packages,
    );
    let swapping = clock.elapsed();
    let files = ship::files(&linked).map_err(CommandError::Manifest)?;
    let former = connected.status.current.as_ref().map(|(_, former)| former);
    let references = ship::references(former, &manifest, &built.plan.warm_directory());
    let shipment = Shipment {
        manifest: &manifest,
        files: &files,
        references: &references,
        link: connected.link(),
    };
    let mut swap = Swap {
        terminal,
        connected: &connected,
        shipment: &shipment,
        differences: &differences,
        states,
        asks: !wanted.service.yes,
    };
    let swapped = swap.run().await?;
    let resets = swap.states.resets;
    let warm = built.plan.warm_directory();
    if let Some(typed) = LastBuild::current(wanted.program_arguments, &connected, &warm) {
        typed.remember(&connected);
    }
    // From here on its time runs from the last call.
    drop(held);
    clock.phase("ship and swap", swapping);
    report::swapped(terminal, &connected, &swapped, &differences, &lost);
    resets::unneeded(&resets, &swapped, terminal);
    report::lost(terminal, &connected, &manifest, &swapped);
    let edit = report::Edit {
        former: connected.status.current.as_ref(),
        new: &manifest,
        hot: &built.compiled.hot,
        layouts: &layouts,
        keeps: linked
            .crates
            .iter()
            .flat_map(|krate| &krate.keeps)
            .map(String::as_str)
            .collect(),
    };
    report::kept_code(terminal, &edit, &swapped);
    let now = (&manifest.environment, &swapped);
    environment::note(terminal, &dirs, &connected, &surroundings, now);
    report::reran(terminal, &connected, &linked, &swapped);
    Ok(Warm {
        surroundings,
        built,
        linked,
        driver,
        run: run(&clock, &connected, &swapped),
        clock,
        options,
        manifest,
        files,
        dirs,
        place,
        connected,
        swapped,
    })
}

fn run(clock: &Clock, connected: &Connected, swapped: &Swapped) -> Run {
    let (service, place) = (connected.service.clone(), connected.place.to_string());
    let mut run = Run::new(service, place, clock.began);
    run.generation = swapped.generation;
    run.cold = connected.started;
    run.changed = swapped.changed;
    for phase in clock.phases() {
        run.phase(phase.name, phase.started, phase.took);
    }
    run
}

/// The service that this program has.
pub(super) fn service(
    options: &Config,
    surroundings: &Surroundings,
    plan: &Plan,
) -> Result<place::ServiceSpec, CommandError> {
    let name = super::options::service_name(options, plan);
    let workspace = super::options::workspace(plan);
    if options.service.place == PlaceKind::Kubernetes {
        return Ok(place::ServiceSpec::Kubernetes(Box::new(
            kubernetes::ServiceSpec {
                name,
                user: service::user(),
                workspace,
                options: options.service.clone(),
                new_ttl: options
                    .is_set("inactivity_ttl")
                    .then_some(options.service.inactivity_ttl),
                toolchain: plan.toolchain.clone(),
            },
        )));
    }
    let directory = surroundings.directory.clone().into();
    let mut spec =
        ServiceSpec::new(name, workspace, directory).map_err(|source| CommandError::Io {
            what: "find this executable".into(),
            source,
        })?;
    // Nobody's wish is no reason to change what a running service has.
    let ttl = options.is_set("inactivity_ttl");
    spec.inactivity_ttl = ttl.then_some(options.service.inactivity_ttl);
    spec.default_ttl = options.service.inactivity_ttl;
    spec.body_limit = options.service.body_limit;
    spec.breakpoint_timeout = options.service.breakpoint_timeout;
    spec.environment = surroundings.environment.clone();
    Ok(place::ServiceSpec::Local(spec))
}
