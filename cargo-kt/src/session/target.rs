//! The service that a program is deployed to, with its options.

use crate::{
    config::{Config, Flags, PlaceKind},
    context::CargoContext,
    place::{self, Dirs, kubernetes, local},
    plan::Plan,
    terminal::Terminal,
};

use super::{SessionError, config, foreign_host};

/// Where a program's remote functions run.
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) place: place::ServiceSpec,
    pub(crate) dirs: Dirs,
}

impl Target {
    /// Resolves the options of a program's service, and warns about those without effect.
    ///
    /// # Errors
    /// If an option is invalid, or there is no directory for sockets.
    pub(super) fn resolve(
        flags: &Flags,
        plan: &Plan,
        context: &CargoContext,
        terminal: &Terminal,
    ) -> Result<Self, SessionError> {
        let dirs = Dirs::current()?;
        for notice in &dirs.notices {
            terminal.warning(notice);
        }
        let config = config::resolve(flags, plan, context)?;
        config::warn(&config, terminal);
        Ok(Self {
            place: place_of(&config, context, plan)?,
            config,
            dirs,
        })
    }

    /// Checks that the service can run what the plan compiles.
    ///
    /// # Errors
    /// If it cannot, or the toolchain lacks the target's standard library.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), SessionError> {
        let toolchain = &plan.toolchain;
        if !toolchain.is_cross() {
            return Ok(());
        }
        let folder = self.dirs.cache.join("foreign-host");
        if self.config.service.place == PlaceKind::Local
            && !local::runs_here(&toolchain.target, &folder).map_err(SessionError::io(
                "test whether the target's programs run here",
            ))?
        {
            return Err(SessionError::ForeignTarget {
                target: toolchain.target.clone(),
                host: toolchain.host.clone(),
            });
        }
        Ok(toolchain.check_target()?)
    }

    /// Finds or builds the host that runs on the target, if that is another kind of machine.
    ///
    /// # Errors
    /// If there is none and it cannot be built. A service in a cluster may run already, so there
    /// missing tools are a warning.
    pub(super) fn provide_host(
        &mut self,
        plan: &Plan,
        context: &CargoContext,
        terminal: &Terminal,
    ) -> Result<(), SessionError> {
        if !plan.toolchain.is_cross() {
            return Ok(());
        }
        let host = foreign_host::provide(plan, &self.dirs, context, terminal);
        match (&mut self.place, host) {
            (place::ServiceSpec::Local(spec), host) => {
                spec.host = vec![host?.into(), local::HOST_COMMAND.into()];
            }
            // A pod that runs has its host already.
            (place::ServiceSpec::Kubernetes(_), Err(error)) if error.is_lack_of_means() => {
                terminal.warning(error);
            }
            (place::ServiceSpec::Kubernetes(_), host) => drop(host?),
        }
        Ok(())
    }
}

/// The service of a program with these options.
///
/// # Errors
/// If this executable cannot be found, or was built without Kubernetes support and the service runs
/// in a cluster.
pub(crate) fn place_of(
    config: &Config,
    context: &CargoContext,
    plan: &Plan,
) -> Result<place::ServiceSpec, SessionError> {
    let name = config::service_name(config, plan);
    let workspace = config::workspace(plan);
    // A TTL that was not set does not change the one of a running service.
    let ttl = config.is_set("inactivity_ttl");
    let new_ttl = ttl.then_some(config.service.inactivity_ttl);
    if config.service.place == PlaceKind::Kubernetes {
        let (options, toolchain) = (config.service.clone(), plan.toolchain.clone());
        let spec = kubernetes::ServiceSpec::new(name, workspace, options, new_ttl, toolchain)?;
        return Ok(place::ServiceSpec::Kubernetes(Box::new(spec)));
    }
    let directory = context.directory.clone().into();
    let mut spec = local::ServiceSpec::new(name, workspace, directory)
        .map_err(SessionError::io("find this executable"))?;
    spec.inactivity_ttl = new_ttl;
    spec.default_ttl = config.service.inactivity_ttl;
    spec.body_limit = config.service.body_limit;
    spec.breakpoint_timeout = config.service.breakpoint_timeout;
    spec.environment = context.environment.clone();
    Ok(place::ServiceSpec::Local(spec))
}
