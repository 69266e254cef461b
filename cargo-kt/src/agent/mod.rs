//! *agent*: `cargo kt` answers requests of its driver. Only it has the objects with line tables, so
//! it symbolizes the addresses of panics. Knows nothing about pods.

mod symbolize;

use std::{future::Future, io, path::Path, sync::Arc};

use http::StatusCode;
use kt::{
    codec,
    wire::{
        data::{ANSWERED, BREAKPOINT, BreakpointReached, SYMBOLIZE, Symbolize},
        http::Body,
        limits,
        server::{self, Exchange},
    },
};
use serde::de::DeserializeOwned;
use tokio::{net::UnixListener, sync::watch};

pub use symbolize::{Loaded, Objects, Symbolizer};

/// Serves the requests of a driver.
pub struct Agent {
    pub symbolizer: Symbolizer,
    /// Called after the driver's first call since a cold start has returned.
    pub answered: Box<dyn Fn() + Send + Sync>,
    /// The latest call that waits at a breakpoint, after the driver has printed its location.
    pub breakpoint: watch::Sender<Option<BreakpointReached>>,
}

/// Serves on a socket at `path` until the future is dropped. The directory must belong to the user.
///
/// # Errors
/// If the socket cannot be created.
pub fn serve(path: &Path, agent: Agent) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let listener = UnixListener::bind(path)?;
    let agent = Arc::new(agent);
    Ok(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let agent = Arc::clone(&agent);
            tokio::spawn(async move {
                // Fails only if the driver exited.
                let _ =
                    server::serve(stream, |exchange| answer(Arc::clone(&agent), exchange)).await;
            });
        }
    })
}

async fn answer(agent: Arc<Agent>, exchange: Exchange) {
    let Exchange { head, body, answer } = exchange;
    // Fails only if the driver exited.
    let _ = match head.uri.path() {
        ANSWERED => {
            (agent.answered)();
            answer.value(&()).await
        }
        BREAKPOINT => match read(body).await {
            Ok(reached) => {
                agent.breakpoint.send_replace(Some(reached));
                answer.value(&()).await
            }
            Err(message) => answer.refuse(StatusCode::BAD_REQUEST, message).await,
        },
        SYMBOLIZE => match read::<Symbolize>(body).await {
            Ok(question) => {
                // Links the objects with their line tables and reads them, which would block the
                // async threads.
                let symbols = tokio::task::spawn_blocking(move || {
                    agent.symbolizer.symbolize(&question.frames)
                });
                answer.value(&symbols.await.unwrap_or_default()).await
            }
            Err(message) => answer.refuse(StatusCode::BAD_REQUEST, message).await,
        },
        path => {
            let message = format!("cargo kt does not answer {path}");
            answer.refuse(StatusCode::NOT_FOUND, message).await
        }
    };
}

/// The decoded message of a driver, or the reason why it is invalid.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, String> {
    let body = body.collect(limits::CONTROL).await;
    let body = body.map_err(|_| "the message is incomplete".to_owned())?;
    codec::decode(&body).map_err(|error| error.to_string())
}
