//! The end of a cold start: `cargo kt`, which told each of its phases, hears of the first answer.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{net::UnixStream, time};

use super::Driver;
use crate::{
    quiet::Quiet,
    wire::{client::Client, data::ANSWERED},
};

/// How long `cargo kt` may take to hear of it: it has nothing to do but to print a line.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the first answer has come.
#[derive(Debug, Default)]
pub(super) struct FirstAnswer(AtomicBool);

impl Driver {
    /// Tells of the first answer, if this is it and somebody waits for it.
    pub(super) async fn answered(&self) {
        if !self.config.run.cold || self.first.0.load(Ordering::Relaxed) {
            return;
        }
        if !self.first.0.swap(true, Ordering::Relaxed) {
            // Boxed: it happens once, and would make every call's future larger.
            let told = Box::pin(self.tell());
            // Nobody listens: then nobody misses it.
            let _ = time::timeout(PATIENCE, told).await;
        }
    }

    async fn tell(&self) -> Option<()> {
        let path = self.config.symbolizer.as_ref()?;
        let stream = UnixStream::connect(path).await.ok()?;
        let (client, connection) = Client::start(stream).await.ok()?;
        let connection = tokio::spawn(Quiet::new(connection));
        let heard = client.ask(ANSWERED, &()).await.ok();
        connection.abort();
        heard
    }
}
