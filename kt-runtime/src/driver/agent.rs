//! Requests to the agent: the `cargo kt` that started this program.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time as tokio_time};

use super::Driver;
use crate::{
    quiet::Quiet,
    wire::{
        client::Client,
        data::{ANSWERED, BREAKPOINT, BreakpointReached},
    },
};

/// Timeout of a report, which costs `cargo kt` almost nothing.
const REPORT: Duration = Duration::from_secs(1);

/// Whether the first call was answered.
#[derive(Debug, Default)]
pub(super) struct FirstAnswer(AtomicBool);

impl Driver {
    /// Sends a question. `None` if there is no agent or it does not answer in time.
    pub(super) async fn ask_agent<T: DeserializeOwned>(
        &self,
        path: &'static str,
        question: &impl Serialize,
        timeout: Duration,
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
        tokio_time::timeout(timeout, asked).await.ok()?
    }

    /// Reports the first answer after a cold start: `cargo kt` shows how long that took.
    pub(super) async fn answered(&self) {
        if !self.config.run.cold || self.first.0.load(Ordering::Relaxed) {
            return;
        }
        if !self.first.0.swap(true, Ordering::Relaxed) {
            // Boxed: it happens once, and would make the future of every call larger.
            let reported = Box::pin(self.ask_agent(ANSWERED, &(), REPORT));
            // Without an agent there is no report to make.
            let _: Option<()> = reported.await;
        }
    }

    /// Reports that the terminal shows where a call waits. Now `cargo kt` can ask the user about
    /// it.
    pub(super) async fn breakpoint_printed(&self, reached: BreakpointReached) {
        // Without an agent there is no user to ask.
        let _: Option<()> = self.ask_agent(BREAKPOINT, &reached, REPORT).await;
    }
}
