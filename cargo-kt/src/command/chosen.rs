//! Which service a command is about, as typed.

use super::{CommandError, profile::ProfileArgs};
use crate::place::{PlaceError, Places};

/// A service by its name, by the profile of this directory's program, or the only one.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ServiceArgs {
    /// The service, as `cargo kt ls` names it; may be left out if there is only one
    #[arg(value_name = "NAME", conflicts_with = "ProfileArgs")]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl ServiceArgs {
    /// # Errors
    /// If none is named and there is not exactly one, or a place cannot be looked at.
    pub(super) async fn choose(&self, places: &Places) -> Result<String, CommandError> {
        match (&self.name, self.profile.service(places).await?) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(name)) => Ok(name),
            (None, None) => only(places).await,
        }
    }
}

/// The one service that is up.
async fn only(places: &Places) -> Result<String, CommandError> {
    let mut names: Vec<String> = places
        .list(false)
        .await?
        .into_iter()
        .map(|service| service.name)
        .collect();
    match names.len() {
        1 => Ok(names.remove(0)),
        _ => Err(PlaceError::WhichService { names }.into()),
    }
}
