//! File transfers: [`wire::files`](crate::wire::files). All access happens as the worker's user.

pub mod sftp;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::{HeaderMap, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use super::{Host, request::opening};
use crate::{
    files::{
        Copied, Watch,
        peer::{Announces, Peer, connect},
        receive, send,
    },
    wire::{
        files::CopyRequest,
        frames::Frames,
        http::{Body, BodySender},
        limits,
        server::Answer,
    },
};

/// Serves one side of a copy.
pub async fn copy(host: Arc<Host>, body: Body, answer: Answer) -> Result<(), h2::Error> {
    host.lease.touch();
    let (request, first, body) = match opening::<CopyRequest>(body).await {
        Ok(request) => request,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let frames = Frames::behind(first, body, limits::CONTROL);
    match request {
        CopyRequest::ToService { target } => {
            let target = path(&host, target);
            serve(host, frames, sender, move |peer, watch| {
                receive(&target, peer, watch)
            })
            .await;
        }
        CopyRequest::FromService { sources, follow } => {
            let sources: Vec<_> = sources.into_iter().map(|it| path(&host, it)).collect();
            serve(host, frames, sender, move |peer, watch| {
                send(&sources, follow, peer, watch)
            })
            .await;
        }
    }
    Ok(())
}

/// Resolves a path like a command next to the worker would.
fn path(host: &Host, path: OsString) -> PathBuf {
    host.options.working_directory.join(Path::new(&path))
}

/// Works on a thread that may wait for the disk. Reports results to the peer while it works.
async fn serve<I, O>(
    host: Arc<Host>,
    frames: Frames,
    sender: BodySender,
    work: impl FnOnce(Peer<I, O>, &mut dyn Watch) -> Copied + Send + 'static,
) where
    I: DeserializeOwned + Announces + Send + 'static,
    O: Serialize + Send + 'static,
{
    let (peer, connection) = connect();
    let mut follower = Follower(Arc::clone(&host));
    tokio::task::spawn_blocking(move || work(peer, &mut follower));
    let mut stopping = host.stopping();
    tokio::select! {
        () = connection.carry(frames, sender, || host.lease.touch()) => {}
        // The stream is reset; received parts of a file stay.
        () = stopping.asked() => {}
    }
}

/// Reading or writing bytes counts as use of the service.
struct Follower(Arc<Host>);

impl Watch for Follower {
    fn checking(&mut self) {
        self.0.lease.touch();
    }

    fn moved(&mut self, _bytes: u64, _carried: bool) {
        self.0.lease.touch();
    }
}
