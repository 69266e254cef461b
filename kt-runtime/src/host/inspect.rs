//! Details beyond a service's status: resource usage of the worker, running calls, and the log with
//! the source of each line.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::timeout;

use super::{Host, worker::millis};
use crate::{
    logs::PieceReader,
    sys::{nvml, usage},
    wire::{
        control::LogRequest,
        frame,
        inspect::{Inspection, LogPiece, WorkerUse},
        limits,
        server::Answer,
    },
};

/// Polling interval of a followed log.
const FOLLOW: Duration = Duration::from_millis(50);

/// Collects everything. Bounded by [`limits::STATUS`].
pub async fn inspect(host: &Host) -> Inspection {
    let worker = match host.supervisor.live() {
        None => None,
        Some(worker) => {
            let calls = worker.calls().await;
            // Counting many open files takes a while, and the host has a single thread for all
            // requests.
            let pid = worker.id.pid;
            let usage = tokio::task::spawn_blocking(move || usage::of(pid)).await;
            let usage = usage.ok().flatten();
            usage.map(|usage| WorkerUse {
                at_ms: millis(host.started.elapsed()),
                usage,
                reloads: worker.reloads(),
                calls,
            })
        }
    };
    Inspection {
        directory: host.options.directory.display().to_string(),
        body_limit: host.options.body_limit as u64,
        limits: usage::group_limits(),
        deaths: host.supervisor.deaths(),
        worker,
        gpus: tokio::task::spawn_blocking(nvml::gpus)
            .await
            .unwrap_or_default(),
    }
}

/// Sends the log in pieces with one source each, and follows it if requested.
pub async fn log_pieces(
    host: Arc<Host>,
    request: LogRequest,
    answer: Answer,
) -> Result<(), h2::Error> {
    let mut reader = PieceReader::open(&host.supervisor.logs(), request.from);
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let mut stopping = host.stopping();
    let mut last_round = !request.follow;
    loop {
        match reader.read() {
            Ok(None) if last_round => return sender.send(Bytes::new(), true).await,
            Ok(None) => {
                // After the service has stopped, read once more: the worker's last output.
                last_round = timeout(FOLLOW, stopping.ended()).await.is_ok();
            }
            Ok(Some(piece)) => sender.send(framed(&piece), false).await?,
            Err(error) => {
                tracing::warn!("failed to read the log: {error}");
                let notice = LogPiece {
                    position: 0,
                    time_ms: None,
                    source: Default::default(),
                    notice: true,
                    bytes: format!("\n[kt: failed to read the log: {error}]\n").into(),
                };
                return sender.send(framed(&notice), true).await;
            }
        }
    }
}

/// A piece has a few kB, below every limit.
fn framed(piece: &LogPiece) -> Bytes {
    frame::encode(piece, limits::CONTROL)
        .unwrap_or_default()
        .into()
}
