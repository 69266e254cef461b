//! The flow: *plan → compile → layout → link → connect → ship → swap → call*.
//!
//! [`deploy`] reads from top to bottom. Each step is a short function that is given what the step
//! before it made:
//!
//! | step | function | gives |
//! |---|---|---|
//! | plan | `plan`, `Target::resolve` | one program, and the service that it is deployed to |
//! | connect, begun | `PendingService::begin` | the service, being found or started meanwhile |
//! | compile | `Planned::compile` | the rlibs |
//! | layout, link | `GlibcLinker::link`, `Code::of` | objects and a manifest |
//! | connect | `PendingService::connected` | a connection to the service |
//! | ship, swap | `Swap::run` | the generation that serves, checked |
//! | call | `call::run` | the program's exit status |
//!
//! It knows nothing of the command line: it is given a [`Request`].

mod breakpoints;
pub(crate) mod call;
pub(crate) mod config;
mod driver_process;
mod environment;
mod error;
mod foreign_host;
mod glibc;
mod glibc_mismatch;
pub(crate) mod last_build;
mod layouts;
mod link;
mod plan;
mod redeploy;
mod replacement;
pub(crate) mod report;
mod request;
mod resets;
mod swap;
mod target;
mod timings;
pub(crate) mod watch;

use kt::{
    Run,
    wire::{control::Swapped, manifest::Manifest, state::StateOptions},
};

pub(crate) use driver_process::exit_like;
pub use error::{ResetError, SessionError};
pub use foreign_host::ForeignHostError;
pub use glibc_mismatch::GlibcMismatch;
pub use plan::plan;
pub(crate) use request::{Request, StateChoices};
pub(crate) use target::{Target, place_of};

use crate::{
    compile::{BuildError, Built, Cancellation, Planned},
    config::Config,
    context::CargoContext,
    link::Linked,
    place::{self, Connected, Dirs, Hold, LaunchStep, PendingService},
    ship::{self, Files, Shipment},
    terminal::Terminal,
};
use glibc::GlibcLinker;
use link::{Code, Driver};
use report::LaunchReport;
use swap::Swap;
use timings::{Timings, phase};
use tracing::{Instrument, debug_span};

/// A service that serves exactly the code of this workspace.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) context: CargoContext,
    pub(crate) built: Built,
    pub(crate) linked: Linked,
    /// What runs on this machine, where that is not what runs in the worker.
    pub(crate) driver: Option<Driver>,
    pub(crate) connected: Connected,
    pub(crate) swapped: Swapped,
    pub(crate) config: Config,
    pub(crate) manifest: Manifest,
    pub(crate) files: Files,
    pub(crate) dirs: Dirs,
    pub(crate) place: place::ServiceSpec,
    /// Describes this run to the program.
    pub(crate) run: Run,
    pub(crate) timings: Timings,
}

/// Builds, links, ships and swaps.
///
/// # Errors
/// All of [`SessionError`]. The service then serves what it served before.
pub(crate) async fn deploy(
    request: &Request<'_>,
    terminal: &Terminal,
) -> Result<Deployed, SessionError> {
    let context = &CargoContext::current()?;
    let session = Session {
        request,
        context,
        terminal,
        timings: Timings::start(),
        compilation: Cancellation::default(),
    };
    let planned = plan(request.cargo, context, terminal)?;
    let mut target = Target::resolve(request.flags, planned.plan(), context, terminal)?;
    let offline = request.cargo.offline || request.cargo.frozen;
    if offline || !request.image_check {
        target.place.disable_image_check();
    }
    target.check(planned.plan())?;
    target.provide_host(planned.plan(), context, terminal)?;
    let linker = session.linker(&target, planned.plan());
    let mut pending = session.connect(&target);
    let made = session.make(planned, &target, &linker, &mut pending).await;
    // The launch goes on in the cluster: the pod is warm for the next attempt.
    let mut made = match made {
        Ok(made) => made,
        // The launch failed first.
        Err(SessionError::Build(error @ BuildError::Canceled)) => {
            let launched = pending.connected().await;
            return Err(launched.err().map_or(error.into(), SessionError::from));
        }
        Err(error) => {
            pending.wait_until_detached().await;
            return Err(error);
        }
    };
    let connecting = pending.connected().instrument(debug_span!("connect"));
    let (connected, hold) = connecting.await?;
    report::expired(terminal, &connected);
    linker.adapt_to_image(&mut made.code, &connected)?;
    session.swap(made, target, connected, hold).await
}

/// What every step of one run is given.
struct Session<'a> {
    request: &'a Request<'a>,
    context: &'a CargoContext,
    terminal: &'a Terminal,
    timings: Timings,
    /// Stops *compile* if the launch fails.
    compilation: Cancellation,
}

/// A program that is ready to be sent.
struct Made {
    code: Code,
    /// What runs on this machine, where that is not the same.
    driver: Option<Driver>,
    states: StateOptions,
}

impl Session<'_> {
    fn linker<'a>(&'a self, target: &Target, plan: &crate::plan::Plan) -> GlibcLinker<'a> {
        GlibcLinker::new(
            self.request.cargo,
            self.context,
            self.terminal,
            (target, plan),
        )
    }

    /// *connect*, begun: the service is found or started while the program compiles.
    fn connect(&self, target: &Target) -> PendingService {
        let report = LaunchReport::new(self.terminal.clone(), self.timings.clone());
        let compilation = self.compilation.clone();
        let progress = Box::new(move |step| {
            // If cargo cannot be stopped, the error follows when it has finished.
            if let LaunchStep::Failed = step
                && let Err(error) = compilation.cancel()
            {
                tracing::debug!(%error, "cargo cannot be stopped");
            }
            report.step(step);
        });
        PendingService::begin(target.dirs.clone(), target.place.clone(), progress)
    }

    /// *compile*, *layout* and *link*.
    async fn make(
        &self,
        planned: Planned<'_>,
        target: &Target,
        linker: &GlibcLinker<'_>,
        pending: &mut PendingService,
    ) -> Result<Made, SessionError> {
        let (built, driver) = self.timings.measure(phase!("compile"), || {
            let (planned, driver) = self.build_driver(planned, linker)?;
            Ok::<_, SessionError>((planned.compile_unless(&self.compilation)?, driver))
        })?;
        report::built(self.terminal, self.context, &built);
        // What runs already decides which layers the base has.
        let running = pending.running().await?;
        let current = running
            .as_ref()
            .and_then(|running| running.status.current.as_ref());
        let existing = current
            .map(|(_, manifest)| ship::layers_of(manifest))
            .unwrap_or_default();
        let (code, states) = self.timings.measure(phase!("link"), || {
            let linked = linker.link(built, &existing)?;
            linked.check(self.terminal)?;
            let mut code = Code::of(linked, self.terminal)?;
            code.manifest.environment =
                environment::of_worker(&target.config, &code.built, self.context);
            let states = self.request.states.options(&code.manifest)?;
            Ok::<_, SessionError>((code, states))
        })?;
        Ok(Made {
            code,
            driver,
            states,
        })
    }

    /// Builds the program for this machine too, where the service is of another kind: the program
    /// runs here, its remote functions there.
    fn build_driver<'a>(
        &'a self,
        planned: Planned<'a>,
        linker: &GlibcLinker<'_>,
    ) -> Result<(Planned<'a>, Option<Driver>), SessionError> {
        if !planned.plan().toolchain.is_cross() {
            return Ok((planned, None));
        }
        linker.prepare_cross(planned.plan())?;
        // Each of the two builds takes the build's lock.
        drop(planned);
        let driver = Driver::build(
            self.request.cargo,
            self.context,
            self.terminal,
            &self.compilation,
        )?;
        let planned = plan(self.request.cargo, self.context, self.terminal)?;
        Ok((planned, Some(driver)))
    }

    /// *ship* and *swap*, after the person agreed to what is lost.
    async fn swap(
        self,
        made: Made,
        target: Target,
        connected: Connected,
        hold: Hold,
    ) -> Result<Deployed, SessionError> {
        let (terminal, request) = (self.terminal, self.request);
        let Made {
            code,
            driver,
            states,
        } = made;
        let lost = replacement::agree(&connected, terminal, &code, &request.states).await?;
        let differences = code.differences(&connected);
        let swapping = async {
            let files = ship::files(&code.linked, code.own_libraries.as_ref())
                .map_err(SessionError::Manifest)?;
            let shipment = Shipment {
                manifest: &code.manifest,
                files: &files,
                references: &code.references(&connected),
                transport: connected.transport(),
            };
            let mut swap = Swap {
                terminal,
                connected: &connected,
                shipment: &shipment,
                differences: &differences,
                states,
                asks: !request.states.yes,
            };
            let swapped = swap.run().await?;
            let resets = swap.states.resets;
            last_build::remember(request.program_arguments, &connected, &code.built.plan);
            // The service's inactivity TTL counts from the last call from here on.
            drop(hold);
            Ok::<_, SessionError>((files, swapped, resets))
        };
        let (files, swapped, resets) = self
            .timings
            .measure_async(phase!("ship and swap"), swapping)
            .await?;
        report::all(
            &report::Facts {
                terminal,
                connected: &connected,
                program: &code.built.compiled,
                linked: &code.linked,
                layouts: &code.layouts,
                manifest: &code.manifest,
                swapped: &swapped,
                differences: &differences,
            },
            &lost,
        );
        resets::unneeded(&resets, &swapped, terminal);
        let now = (&code.manifest.environment, &swapped);
        environment::note(terminal, &target.dirs, &connected, self.context, now);
        Ok(self.deployed(code, driver, target, (connected, swapped, files)))
    }

    fn deployed(
        self,
        code: Code,
        driver: Option<Driver>,
        target: Target,
        (connected, swapped, files): (Connected, Swapped, Files),
    ) -> Deployed {
        Deployed {
            context: self.context.clone(),
            run: self.timings.run(&connected, &swapped),
            built: code.built,
            linked: code.linked,
            driver,
            timings: self.timings,
            config: target.config,
            manifest: code.manifest,
            files,
            dirs: target.dirs,
            place: target.place,
            connected,
            swapped,
        }
    }
}
