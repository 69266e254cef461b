//! Whether a host answers at all. One that is stopped or hangs keeps its connections open, and who waits for it would wait
//! for ever; HTTP/2's pings (RFC 9113, section 6.7) tell it from one that has much to do.

use std::{future, time::Duration};

use bytes::Bytes;
use h2::{Ping, client::Connection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{sleep, timeout},
};

use super::PlaceError;

/// Pause between a ping's answer and the next ping.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a host may take to answer one: its only thread also writes objects, to disks that may be slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// Knows of one connection whether its host is silent.
#[derive(Debug, Clone)]
pub struct Alive {
    service: String,
    silent: watch::Receiver<bool>,
}

impl Alive {
    /// Moves a connection in the background, until its last client is dropped or its host is silent.
    pub fn watch<S>(service: &str, connection: Connection<S, Bytes>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, silent) = watch::channel(false);
        tokio::spawn(move_on(connection, sender));
        let service = service.to_owned();
        Self { service, silent }
    }

    /// Resolves when the connection is over, in whatever way.
    pub async fn ended(&self) {
        let mut silent = self.silent.clone();
        // The sender goes with the connection.
        let _ = silent.wait_for(|silent| *silent).await;
    }

    /// Waits for what the host does, for as long as it answers pings.
    ///
    /// # Errors
    /// If it is silent.
    pub async fn unless_silent<T>(&self, work: impl Future<Output = T>) -> Result<T, PlaceError> {
        let mut silent = self.silent.clone();
        let silence = async {
            if silent.wait_for(|silent| *silent).await.is_err() {
                // The connection has ended, which is for `work` to tell.
                future::pending::<()>().await;
            }
        };
        tokio::select! {
            // Silence ends the connection too: it is the reason, the broken connection only follows.
            biased;
            () = silence => Err(PlaceError::Silent { service: self.service.clone(), after: PATIENCE }),
            done = work => Ok(done),
        }
    }
}

async fn move_on<S>(mut connection: Connection<S, Bytes>, silent: watch::Sender<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    let silence = async {
        let Some(mut pings) = pings else {
            return future::pending().await;
        };
        while let Ok(pong) = timeout(PATIENCE, pings.ping(Ping::opaque())).await {
            if pong.is_err() {
                // The connection has ended.
                future::pending::<()>().await;
            }
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        // An answer that came while this process was stopped is read before it is missed.
        biased;
        _ = &mut connection => {}
        () = silence => {
            silent.send_replace(true);
        }
    }
}
