//! Whether the other end of a connection answers at all. One that is gone without a word keeps the connection open, and who
//! waits for it would wait for ever; HTTP/2's pings (RFC 9113, section 6.7) tell it from one that has much to do.

use std::{future, time::Duration};

use h2::{Ping, PingPong};
use tokio::time::{sleep, timeout};

/// Resolves once a ping is not answered within `patience`. The connection must be polled beside it.
pub async fn silence(pings: Option<PingPong>, pause: Duration, patience: Duration) {
    let Some(mut pings) = pings else {
        return future::pending().await;
    };
    while let Ok(pong) = timeout(patience, pings.ping(Ping::opaque())).await {
        if pong.is_err() {
            // The connection has ended, which is for those who use it to tell.
            future::pending::<()>().await;
        }
        sleep(pause).await;
    }
}
