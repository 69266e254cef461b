//! *agent*: what `cargo kt` answers its driver while that runs. It alone has the objects with their line tables, so a panic's
//! addresses get their names here. Knows nothing of the pod.

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

/// What a driver may want of its `cargo kt`.
pub struct Agent {
    pub symbolizer: Symbolizer,
    /// Called when the driver's first call after a cold start was answered.
    pub answered: Box<dyn Fn() + Send + Sync>,
    /// The latest call that waits at a breakpoint, once the driver has printed where.
    pub breakpoint: watch::Sender<Option<BreakpointReached>>,
}

/// Answers on a socket at `path` until the future is dropped. The folder must be the user's own.
///
/// # Errors
/// If the socket cannot be made.
pub fn serve(path: &Path, agent: Agent) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let listener = UnixListener::bind(path)?;
    let agent = Arc::new(agent);
    Ok(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let agent = Arc::clone(&agent);
            tokio::spawn(async move {
                // A driver that is gone needs no answer.
                let _ =
                    server::serve(stream, |exchange| answer(Arc::clone(&agent), exchange)).await;
            });
        }
    })
}

async fn answer(agent: Arc<Agent>, exchange: Exchange) {
    let Exchange { head, body, answer } = exchange;
    // A driver that is gone needs no answer.
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
            Err(words) => answer.refuse(StatusCode::BAD_REQUEST, words).await,
        },
        SYMBOLIZE => match read::<Symbolize>(body).await {
            Ok(question) => {
                // Links the objects with their line tables and reads those: no work for a thread that carries connections.
                let symbols = tokio::task::spawn_blocking(move || {
                    agent.symbolizer.symbolize(&question.frames)
                });
                answer.value(&symbols.await.unwrap_or_default()).await
            }
            Err(words) => answer.refuse(StatusCode::BAD_REQUEST, words).await,
        },
        path => {
            let words = format!("cargo kt does not answer {path}");
            answer.refuse(StatusCode::NOT_FOUND, words).await
        }
    };
}

/// What a driver sent, or what is wrong with it.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, String> {
    let body = body.collect(limits::CONTROL).await;
    let body = body.map_err(|_| "the message did not arrive whole".to_owned())?;
    codec::decode(&body).map_err(|error| error.to_string())
}
