//! Forwards TCP connections to and from the service: [`wire::forward`](crate::wire::forward).

use std::{
    collections::HashMap,
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{Host, request::opening};
use crate::wire::{
    forward::{Accepted, Connect, Listen, Listening, NotConnected, NotListening},
    frame,
    http::Body,
    limits,
    server::Answer,
    tunnel,
};

/// Limit of accepted connections that wait for a client.
const WAITING: usize = 128;

/// Accepted connections that a client is about to take.
#[derive(Debug, Default)]
pub struct Forwards {
    next: AtomicU64,
    accepted: Mutex<HashMap<u64, TcpStream>>,
}

impl Forwards {
    fn accepted(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection until it is taken or times out; `None` if too many wait.
    fn keep(self: &Arc<Self>, stream: TcpStream) -> Option<Accepted> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut accepted = self.accepted();
            if accepted.len() >= WAITING {
                return None;
            }
            accepted.insert(id, stream);
        }
        let forwards = Arc::clone(self);
        tokio::spawn(async move {
            sleep(limits::HANDSHAKE).await;
            drop(forwards.accepted().remove(&id));
        });
        Some(Accepted { id })
    }
}

/// Connects to a port of this machine or pod, or to another address that it can reach.
pub async fn connect(host: Arc<Host>, body: Body, answer: Answer) -> Result<(), h2::Error> {
    host.lease.touch();
    let (to, first, body) = match opening::<Connect>(body).await {
        Ok(request) => request,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let connecting = TcpStream::connect((to.host.as_str(), to.port));
    let connected = match timeout(limits::CONNECT, connecting).await {
        Ok(connected) => connected.map_err(|error| NotConnected::Failed(error.to_string())),
        Err(_) => Err(NotConnected::Failed(format!(
            "no answer within {} s",
            limits::CONNECT.as_secs()
        ))),
    };
    carry(&host, connected, first, body, answer).await
}

/// Takes an accepted connection.
pub async fn accept(host: Arc<Host>, body: Body, answer: Answer) -> Result<(), h2::Error> {
    let (request, first, body) = match opening::<Accepted>(body).await {
        Ok(request) => request,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let taken = host.forwards.accepted().remove(&request.id);
    carry(&host, taken.ok_or(NotConnected::Gone), first, body, answer).await
}

/// Listens until the request is reset or the service stops.
pub async fn listen(host: Arc<Host>, listen: Listen, answer: Answer) -> Result<(), h2::Error> {
    host.lease.touch();
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, listen.port)).await;
    let bound = bound.and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    let (port, listener) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            let refused: Result<Listening, NotListening> = Err(NotListening {
                in_use: error.kind() == io::ErrorKind::AddrInUse,
                why: error.to_string(),
            });
            return sender.send(encoded(&refused), true).await;
        }
    };
    let listening: Result<_, NotListening> = Ok(Listening { port });
    sender.send(encoded(&listening), false).await?;
    let mut stopping = host.stopping();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Either only this connection failed, or no descriptors are left.
                Err(_) => {
                    sleep(limits::ACCEPT_AGAIN).await;
                    continue;
                }
            },
            () = sender.reset() => return Ok(()),
            () = stopping.asked() => return sender.send(Bytes::new(), true).await,
        };
        host.lease.touch();
        // Close the connection if too many wait.
        if let Some(accepted) = host.forwards.keep(stream) {
            sender.send(encoded(&accepted), false).await?;
        }
    }
}

async fn carry(
    host: &Arc<Host>,
    connected: Result<TcpStream, NotConnected>,
    first: Bytes,
    body: Body,
    answer: Answer,
) -> Result<(), h2::Error> {
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    match connected {
        Ok(stream) => {
            let connected: Result<(), NotConnected> = Ok(());
            sender.send(encoded(&connected), false).await?;
            // Send small messages at once: the connection already has a high latency.
            let _ = stream.set_nodelay(true);
            // The peers detect a broken connection themselves.
            let _ = tunnel::couple(stream, first, body, sender, || host.lease.touch()).await;
            Ok(())
        }
        Err(refused) => {
            let refused: Result<(), NotConnected> = Err(refused);
            sender.send(encoded(&refused), true).await
        }
    }
}

fn encoded<T: Serialize>(message: &T) -> Bytes {
    // All messages are small, and encoding them cannot fail.
    frame::encode(message, limits::CONTROL)
        .unwrap_or_default()
        .into()
}
