//! The service of a program by the profile that it is built with: each has its own.

use super::CommandError;
use crate::{
    config::Flags,
    context::CargoContext,
    place::{Places, service},
    plan::{self, CargoOptions},
    session,
};

/// Which service of the program in this directory is meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ProfileArgs {
    /// The service of this directory's program as `cargo kt run --release` has it
    #[arg(short, long, conflicts_with = "profile")]
    release: bool,
    /// The service of this directory's program as `cargo kt run --profile` has it
    #[arg(long, value_name = "PROFILE-NAME")]
    profile: Option<String>,
}

impl ProfileArgs {
    /// Those of a command with options of its own for them.
    pub(super) fn of(release: bool, profile: Option<&str>) -> Self {
        Self {
            release,
            profile: profile.map(str::to_owned),
        }
    }

    /// The name of the service of the profile that was typed, if one was. It may not be up.
    ///
    /// # Errors
    /// If there is no program here, or its options cannot be read, or a place cannot be looked at.
    pub(super) async fn service(&self, places: &Places) -> Result<Option<String>, CommandError> {
        if !self.release && self.profile.is_none() {
            return Ok(None);
        }
        let options = CargoOptions {
            release: self.release,
            profile: self.profile.clone(),
            ..CargoOptions::default()
        };
        let names = candidates(&options)?;
        let services = places.list(false).await?;
        let is_up = |name: &&String| services.iter().any(|service| service.name == **name);
        let [_, plain] = &names;
        let name = names.iter().find(is_up).unwrap_or(plain);
        Ok(Some(name.clone()))
    }
}

/// The names that the service of the program has which `cargo kt run` with these options would run here: the longer one if
/// another workspace took the shorter.
pub(super) fn candidates(cargo: &CargoOptions) -> Result<[String; 2], CommandError> {
    let context = CargoContext::current()?;
    let plan = plan::plan(cargo, &context)?;
    let config = session::config::resolve(&Flags::default(), &plan, &context)?;
    let plain = session::config::service_name(&config, &plan);
    let workspace = session::config::workspace(&plan);
    Ok([service::name_in(&plain, &workspace), plain])
}
