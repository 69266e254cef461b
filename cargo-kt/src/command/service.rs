//! Which service a command is about, as typed.

use super::{CommandError, places::PlaceArgs, profile::ProfileArgs};
use crate::place::{PlaceError, Places};

/// One service.
#[derive(Debug, clap::Args)]
pub(super) struct ServiceArgs {
    /// The service, as `cargo kt ls` names it; may be left out if there is only one
    #[arg(value_name = "NAME", conflicts_with = "ProfileArgs")]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    places: PlaceArgs,
}

impl ServiceArgs {
    pub(super) fn places(&self) -> Result<Places, PlaceError> {
        self.places.places()
    }

    /// The name that was typed, else that of the profile's service, else that of the only one which is up.
    ///
    /// # Errors
    /// If nothing was typed and not one service is up.
    pub(super) async fn choose(&self, places: &Places) -> Result<String, CommandError> {
        choose(self.name.as_deref(), &self.profile, places).await
    }
}

/// As [`ServiceArgs::choose`], for a command whose arguments are something else.
pub(super) async fn choose(
    name: Option<&str>,
    profile: &ProfileArgs,
    places: &Places,
) -> Result<String, CommandError> {
    match (name, profile.service(places).await?) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(name)) => Ok(name),
        (None, None) => only(places).await,
    }
}

/// The one service that is up.
async fn only(places: &Places) -> Result<String, CommandError> {
    let services = places.list(false).await?.into_iter();
    let mut names: Vec<String> = services.map(|service| service.name).collect();
    match names.len() {
        1 => Ok(names.remove(0)),
        _ => Err(PlaceError::WhichService { names }.into()),
    }
}
