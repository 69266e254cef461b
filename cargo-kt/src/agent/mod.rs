//! *agent*: what `cargo kt` answers its driver while that runs. It alone has the objects with their line tables, so a panic's
//! addresses get their names here. Knows nothing of the pod.

mod symbolize;

use std::{future::Future, io, path::Path, sync::Arc};

use http::StatusCode;
use kt::wire::{
    codec,
    data::{ANSWERED, SYMBOLIZE, Symbolize},
    limits,
    server::{self, Exchange},
};
use tokio::net::UnixListener;

pub use symbolize::{Loaded, Objects, Symbolizer};

/// What a driver may want of its `cargo kt`.
pub struct Agent {
    pub symbolizer: Symbolizer,
    /// Called when the driver's first call after a cold start was answered.
    pub answered: Box<dyn Fn() + Send + Sync>,
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
    if head.uri.path() == ANSWERED {
        (agent.answered)();
        let _ = answer.value(&()).await;
        return;
    }
    if head.uri.path() != SYMBOLIZE {
        let words = format!("cargo kt does not answer {}", head.uri.path());
        let _ = answer.refuse(StatusCode::NOT_FOUND, words).await;
        return;
    }
    let question = body
        .collect(limits::CONTROL)
        .await
        .ok()
        .and_then(|body| codec::decode::<Symbolize>(&body).ok());
    let Some(question) = question else {
        let _ = answer
            .refuse(
                StatusCode::BAD_REQUEST,
                "that is no question about addresses".into(),
            )
            .await;
        return;
    };
    // Links the objects with their line tables and reads those: no work for a thread that carries connections.
    let symbols =
        tokio::task::spawn_blocking(move || agent.symbolizer.symbolize(&question.frames)).await;
    let _ = answer.value(&symbols.unwrap_or_default()).await;
}
