//! Calls that run in this process.

use crate::fault::{RawPanic, catch, catch_async};
use crate::{
    error::{Error, Frame, Panic},
    function::{Function, Started},
    runtime,
};

/// Runs the function without blocking the caller's runtime: a plain function runs on a thread that
/// may block.
pub(super) async fn run<T: Send + 'static>(
    function: &'static Function,
    started: Started<T>,
) -> Result<T, Error> {
    let function = function.path();
    let done = match started {
        Started::Async(work) => catch_async(work).await,
        Started::Plain(work) => match runtime::blocking(move || catch(work)).await {
            Ok(done) => done,
            Err(_) => {
                return Err(Error::Misused {
                    reason: format!("`{function}` was called while the runtime shut down"),
                });
            }
        },
    };
    done.map_err(|panic| panicked(function, panic))
}

/// Runs the function on this thread.
pub(super) fn blocking<T: Send + 'static>(
    function: &'static Function,
    started: Started<T>,
) -> Result<T, Error> {
    let function = function.path();
    let done = match started {
        Started::Plain(work) => catch(work),
        Started::Async(work) => runtime::block_on(Box::pin(catch_async(work))),
    };
    done.map_err(|panic| panicked(function, panic))
}

pub(super) fn panicked(function: &str, panic: RawPanic) -> Error {
    let frames = panic.frames.into_iter().filter_map(|frame| {
        Some(Frame {
            function: frame.symbol?,
            location: None,
        })
    });
    Error::Panicked(Box::new(Panic {
        function: function.into(),
        message: panic.message,
        location: panic.location,
        frames: frames.collect(),
    }))
}
