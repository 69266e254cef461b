//! Selects a service by the build profile of its program: each profile has its own service.

use super::CommandError;
use crate::{
    config::Flags,
    context::CargoContext,
    place::{Places, service},
    plan::{self, CargoOptions},
    session,
};

/// Selects the service of the program in the current directory.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ProfileArgs {
    /// Select the service that `cargo kt run --release` uses in this directory
    #[arg(short, long, conflicts_with = "profile")]
    release: bool,
    /// Select the service that `cargo kt run --profile` uses in this directory
    #[arg(long, value_name = "PROFILE-NAME")]
    profile: Option<String>,
}

impl ProfileArgs {
    /// For a command that defines these options itself.
    pub(super) fn of(release: bool, profile: Option<&str>) -> Self {
        Self {
            release,
            profile: profile.map(str::to_owned),
        }
    }

    /// The name of the selected profile's service, if a profile was selected. The service may not
    /// be running.
    ///
    /// # Errors
    /// If there is no program in the current directory, its options are invalid, or a place cannot
    /// be searched.
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

/// The possible names of the service that `cargo kt run` would use with these options: the first
/// one if another workspace already has the second.
pub(super) fn candidates(cargo: &CargoOptions) -> Result<[String; 2], CommandError> {
    let context = CargoContext::current()?;
    let plan = plan::plan(cargo, &context)?;
    let config = session::config::resolve(&Flags::default(), &plan, &context)?;
    let plain = session::config::service_name(&config, &plan);
    let workspace = session::config::workspace(&plan);
    Ok([service::name_in(&plain, &workspace), plain])
}
