//! SFTP version 3 (draft-ietf-secsh-filexfer-02) with the OpenSSH extensions that its clients use:
//! for `sftp`, `scp` and editors, in images without an sftp-server. `russh-sftp` requires UTF-8
//! names, and does not stop when its peer disconnects.

mod answers;
mod listing;
mod packet;
mod paths;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

use self::answers::Server;
use crate::{
    host::{Host, request::opening},
    wire::{http::Body, server::Answer},
};

/// Limit of pieces that wait for the disk or the connection.
const WAITING: usize = 16;

/// Serves a client until it disconnects or sends invalid SFTP.
pub async fn serve(host: Arc<Host>, body: Body, answer: Answer) -> Result<(), h2::Error> {
    host.lease.touch();
    let ((), first, mut body) = match opening(body).await {
        Ok(opened) => opened,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let (arriving, incoming) = mpsc::channel(WAITING);
    let (outgoing, mut leaving) = mpsc::channel(WAITING);
    let server = Server::new(host.options.working_directory.clone());
    tokio::task::spawn_blocking(move || work(server, incoming, &outgoing));
    let arrive = async {
        // The channel has free capacity for it.
        let _ = arriving.send(first).await;
        while let Some(Ok(bytes)) = body.chunk().await {
            host.lease.touch();
            if arriving.send(bytes).await.is_err() {
                break;
            }
        }
        drop(arriving);
    };
    let leave = async {
        while let Some(bytes) = leaving.recv().await {
            host.lease.touch();
            sender.send(bytes, false).await?;
        }
        sender.send(Bytes::new(), true).await
    };
    let mut stopping = host.stopping();
    tokio::select! {
        ((), left) = async { tokio::join!(arrive, leave) } => left,
        () = stopping.asked() => Ok(()),
    }
}

/// Answers one packet after another, on a thread where waiting for the disk blocks no other
/// request.
fn work(mut server: Server, mut incoming: mpsc::Receiver<Bytes>, outgoing: &mpsc::Sender<Bytes>) {
    let mut buffer = BytesMut::new();
    while let Some(bytes) = incoming.blocking_recv() {
        buffer.extend_from_slice(&bytes);
        loop {
            let answer = match packet::next(&mut buffer) {
                Ok(Some(request)) => server.answer(request),
                Ok(None) => break,
                Err(packet::Malformed) => return,
            };
            let Ok(answer) = answer else { return };
            if outgoing.blocking_send(answer).is_err() {
                return;
            }
        }
    }
}
