//! What is asked of a service about its states.

use kt::wire::{
    control::path,
    state::{StateAnswer, StateRefused, StateRequest},
};

use super::{
    super::error::{Deed, Refused},
    StateError,
};
use crate::session::watch::awaited;
use crate::{
    command::CommandError,
    place::{Connected, PlaceError},
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
            awaited(self.connected, self.terminal, deed.verb(), asking)
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
