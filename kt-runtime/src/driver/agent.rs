//! What this program asks of the `cargo kt` that started it, and tells it.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time};

use super::Driver;
use crate::{
    quiet::Quiet,
    wire::{
        client::Client,
        data::{BREAKPOINT, BreakpointReached},
    },
};

/// How long `cargo kt` may take to hear what it is told: it has next to nothing to do then.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

impl Driver {
    /// Asks for an answer. `None` if nobody is there who answers in time.
    pub(super) async fn ask_agent<T: DeserializeOwned>(
        &self,
        path: &'static str,
        question: &impl Serialize,
        patience: Duration,
    ) -> Option<T> {
        let socket = self.config.agent.as_ref()?;
        let asked = async {
            let stream = UnixStream::connect(socket).await.ok()?;
            let (client, connection) = Client::start(stream).await.ok()?;
            let connection = tokio::spawn(Quiet::new(connection));
            let answer = client.ask(path, question).await.ok();
            connection.abort();
            answer
        };
        time::timeout(patience, asked).await.ok()?
    }

    /// Tells that the terminal shows where a call waits: now a person can be asked about it.
    pub(super) async fn breakpoint_printed(&self, reached: BreakpointReached) {
        // Nobody listens: then nobody is there to be asked.
        let _: Option<()> = self.ask_agent(BREAKPOINT, &reached, PATIENCE).await;
    }
}
