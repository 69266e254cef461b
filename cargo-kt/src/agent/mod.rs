//! *agent*: what `cargo kt` answers its driver while that runs. It alone has the objects with their line tables, so a panic's
//! addresses get their names here. Knows nothing of the pod.

mod symbolize;

use std::{future::Future, io, path::Path, sync::Arc};

use http::StatusCode;
use kt::wire::{
    codec,
    data::{SYMBOLIZE, Symbolize},
    limits,
    server::{self, Exchange},
};
use tokio::net::UnixListener;

pub use symbolize::{Objects, Symbolizer};

/// Answers on a socket at `path` until the future is dropped. The folder must be the user's own.
///
/// # Errors
/// If the socket cannot be made.
pub fn serve(
    path: &Path,
    symbolizer: Symbolizer,
) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let listener = UnixListener::bind(path)?;
    let symbolizer = Arc::new(symbolizer);
    Ok(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let symbolizer = symbolizer.clone();
            tokio::spawn(async move {
                // A driver that is gone needs no answer.
                let _ =
                    server::serve(stream, |exchange| answer(symbolizer.clone(), exchange)).await;
            });
        }
    })
}

async fn answer(symbolizer: Arc<Symbolizer>, exchange: Exchange) {
    let Exchange { head, body, answer } = exchange;
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
    let symbols = tokio::task::spawn_blocking(move || symbolizer.symbolize(&question.frames)).await;
    let _ = answer.value(&symbols.unwrap_or_default()).await;
}
