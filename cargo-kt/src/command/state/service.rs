//! Which service is meant, and what is asked of it.

use std::path::Path;

use kt::wire::{
    control::path,
    state::{StateAnswer, StateRefused, StateRequest},
};

use super::{
    StateError,
    error::{Deed, Refused},
};
use crate::{
    command::{CommandError, watch::watched},
    place::{self, Connected, Dirs, PlaceError, State, local, service},
    plan::{self, CargoOptions, Surroundings},
    terminal::Terminal,
};

/// A service that is asked about its states.
pub(super) struct Asked<'a> {
    pub(super) connected: &'a Connected,
    pub(super) terminal: &'a Terminal,
    pub(super) is_json: bool,
}

impl Asked<'_> {
    /// Has the worker answer. `deed` is what would not be done.
    pub(super) async fn ask(
        &self,
        deed: Deed,
        request: StateRequest,
    ) -> Result<StateAnswer, CommandError> {
        let asking = self.connected.client.ask(path::STATE, &request);
        let asking = self.connected.unless_silent(asking);
        let answered: Result<StateAnswer, StateRefused> =
            watched(self.connected, self.terminal, deed.verb(), asking)
                .await?
                .map_err(|source| PlaceError::Request {
                    service: self.connected.service.clone(),
                    source,
                })?;
        answered.map_err(|refused| self.refused(deed, refused).into())
    }

    pub(super) fn refused(&self, deed: Deed, refused: StateRefused) -> StateError {
        StateError::Refused(Box::new(Refused {
            service: self.connected.service.clone(),
            deed,
            refused,
        }))
    }

    /// Has the worker do something to states, and gives their keys.
    pub(super) async fn order(
        &self,
        deed: Deed,
        request: StateRequest,
    ) -> Result<Vec<String>, CommandError> {
        match self.ask(deed, request).await? {
            StateAnswer::Done(keys) => Ok(keys),
            _ => Err(StateError::Unexpected.into()),
        }
    }
}

/// The service that was named, else the one of the workspace around this directory, else the only one.
pub(super) async fn choose(named: Option<&str>) -> Result<Connected, CommandError> {
    let dirs = Dirs::current()?;
    let name = match named {
        Some(name) => name.to_owned(),
        None => guess(&dirs).await?,
    };
    Ok(local::connect(&dirs, &name).await?)
}

async fn guess(dirs: &Dirs) -> Result<String, CommandError> {
    let services = place::list(dirs).await?;
    let here = std::env::current_dir().unwrap_or_default();
    let workspaces = services.iter().filter_map(|it| match &it.state {
        State::Live(status) if here.starts_with(&status.workspace) => Some(&status.workspace),
        _ => None,
    });
    // One workspace may lie in another.
    let innermost = workspaces.max_by_key(|workspace| Path::new(workspace).components().count());
    let own = services.iter().filter(|it| match &it.state {
        State::Live(status) => Some(&status.workspace) == innermost,
        State::Unreachable(_) => false,
    });
    let own: Vec<&String> = own.map(|service| &service.name).collect();
    let names: Vec<String> = services.iter().map(|it| it.name.clone()).collect();
    match (&own[..], &names[..]) {
        ([only], _) => Ok((*only).clone()),
        ([], [only]) => Ok(only.clone()),
        ([], _) => Err(StateError::WhichService { names }.into()),
        (several, _) => match innermost.and_then(|workspace| of_the_program(workspace, several)) {
            Some(name) => Ok(name),
            None => {
                let names = several.iter().map(|name| (*name).clone()).collect();
                Err(StateError::WhichService { names }.into())
            }
        },
    }
}

/// The service of the program that `cargo kt run` would run here, if it is one of these.
fn of_the_program(workspace: &str, services: &[&String]) -> Option<String> {
    let surroundings = Surroundings::current().ok()?;
    let plan = plan::plan(&CargoOptions::default(), &surroundings).ok()?;
    let plain = service::name(&service::user(), &plan.program.name);
    let own = service::name_in(&plain, workspace);
    [own, plain]
        .into_iter()
        .find(|name| services.contains(&name))
}
