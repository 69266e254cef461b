//! The end of a cold start: `cargo kt`, which told each of its phases, hears of the first answer.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Driver, agent};
use crate::wire::data::ANSWERED;

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
            let told = Box::pin(self.ask_agent(ANSWERED, &(), agent::PATIENCE));
            // Nobody listens: then nobody misses it.
            let _: Option<()> = told.await;
        }
    }
}
