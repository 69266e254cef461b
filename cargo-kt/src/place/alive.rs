//! Detects hosts that stopped answering. A stopped (SIGSTOP) or hanging host keeps its connections
//! open, so a request to it would never end. HTTP/2 pings (RFC 9113, section 6.7) distinguish it
//! from a busy host.

use std::{future, time::Duration};

use bytes::Bytes;
use h2::{Ping, client::Connection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{sleep, timeout},
};

use super::PlaceError;

/// Interval between a ping's answer and the next ping.
const PAUSE: Duration = Duration::from_secs(1);
/// Timeout of a ping. The host's only thread also writes objects, to disks that may be slow.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Monitors whether the host of one connection answers.
#[derive(Debug, Clone)]
pub struct KeepAlive {
    service: String,
    unresponsive: watch::Receiver<bool>,
}

impl KeepAlive {
    /// Drives a connection in the background, until its last client is dropped or its host stops
    /// answering.
    pub fn watch<S>(service: &str, connection: Connection<S, Bytes>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, unresponsive) = watch::channel(false);
        tokio::spawn(drive(connection, sender));
        let service = service.to_owned();
        Self {
            service,
            unresponsive,
        }
    }

    /// Resolves when the connection has ended, for any reason.
    pub async fn ended(&self) {
        let mut unresponsive = self.unresponsive.clone();
        // The sender is dropped with the connection.
        let _ = unresponsive.wait_for(|unresponsive| *unresponsive).await;
    }

    /// Awaits `work`, as long as the host answers pings.
    ///
    /// # Errors
    /// If the host stops answering.
    pub async fn fail_if_unresponsive<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, PlaceError> {
        let mut unresponsive = self.unresponsive.clone();
        let ping_timeout = async {
            if unresponsive
                .wait_for(|unresponsive| *unresponsive)
                .await
                .is_err()
            {
                // The connection has ended: `work` fails with the reason.
                future::pending::<()>().await;
            }
        };
        tokio::select! {
            // A ping timeout also ends the connection, so report the timeout, which is the cause.
            biased;
            () = ping_timeout => Err(PlaceError::Unresponsive { service: self.service.clone(), after: TIMEOUT }),
            done = work => Ok(done),
        }
    }
}

async fn drive<S>(mut connection: Connection<S, Bytes>, unresponsive: watch::Sender<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    let ping_timeout = async {
        let Some(mut pings) = pings else {
            return future::pending().await;
        };
        while let Ok(pong) = timeout(TIMEOUT, pings.ping(Ping::opaque())).await {
            if pong.is_err() {
                // The connection has ended.
                future::pending::<()>().await;
            }
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        // Read an answer that arrived while this process was stopped before the timeout counts.
        biased;
        _ = &mut connection => {}
        () = ping_timeout => {
            unresponsive.send_replace(true);
        }
    }
}
