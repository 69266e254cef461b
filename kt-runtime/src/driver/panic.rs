//! Symbolizes the frames of a remote panic. `cargo kt` has the unstripped objects.

use std::time::Duration;

use super::Driver;
use crate::{
    error::{Error, Frame, Panic},
    wire::data::{RawFrame, RawPanic, SYMBOLIZE, Symbol, Symbolize},
};

/// Timeout of symbolization: it links an unstripped object and reads its line tables.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn panicked(driver: &Driver, function: String, panic: RawPanic) -> Error {
    let RawPanic {
        message,
        location,
        frames,
    } = panic;
    let frames = match symbolize(driver, &frames).await {
        Some(symbols) => symbols
            .into_iter()
            .filter(|symbol| symbol.user)
            .map(Frame::from)
            .collect(),
        None => frames.into_iter().filter_map(bare).collect(),
    };
    Error::Panicked(Box::new(Panic {
        function,
        message,
        location,
        frames,
    }))
}

/// A frame without debug information.
fn bare(frame: RawFrame) -> Option<Frame> {
    Some(Frame {
        function: frame.symbol?,
        location: None,
    })
}

impl From<Symbol> for Frame {
    fn from(symbol: Symbol) -> Self {
        Self {
            function: symbol.function,
            location: symbol.file.zip(symbol.line),
        }
    }
}

async fn symbolize(driver: &Driver, frames: &[RawFrame]) -> Option<Vec<Symbol>> {
    let question = Symbolize {
        frames: frames.to_vec(),
    };
    driver.ask_agent(SYMBOLIZE, &question, TIMEOUT).await
}
