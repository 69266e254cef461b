//! Requests to a service about its states.

use kt::wire::{
    control::path,
    state::{StateAnswer, StateRefused, StateRequest},
};

use super::{
    super::error::{Operation, Refused},
    StateError,
};
use crate::{
    command::CommandError,
    place::{Connected, PlaceError},
    session::watch::awaited,
    terminal::Terminal,
};

/// Sends state requests to a service.
pub(super) struct StateClient<'a> {
    pub(super) connected: &'a Connected,
    pub(super) terminal: &'a Terminal,
    pub(super) is_json: bool,
}

impl StateClient<'_> {
    /// Sends a request to the worker. `operation` is for the error.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        request: StateRequest,
    ) -> Result<StateAnswer, CommandError> {
        let asking = self.connected.client.ask(path::STATE, &request);
        let asking = self.connected.fail_if_unresponsive(asking);
        let answered: Result<StateAnswer, StateRefused> =
            awaited(self.connected, self.terminal, operation.verb(), asking)
                .await?
                .map_err(|source| PlaceError::Request {
                    service: self.connected.service.clone(),
                    source,
                })?;
        answered.map_err(|refused| self.refused(operation, refused).into())
    }

    pub(super) fn refused(&self, operation: Operation, refused: StateRefused) -> StateError {
        StateError::Refused(Box::new(Refused {
            service: self.connected.service.clone(),
            operation,
            refused,
        }))
    }

    /// Performs an operation and returns the keys of the affected states.
    pub(super) async fn apply(
        &self,
        operation: Operation,
        request: StateRequest,
    ) -> Result<Vec<String>, CommandError> {
        match self.ask(operation, request).await? {
            StateAnswer::Done(keys) => Ok(keys),
            _ => Err(StateError::Unexpected.into()),
        }
    }
}
