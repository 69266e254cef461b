use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::{net::UnixStream, runtime, time::timeout};

use super::*;
use crate::wire::client::{Client, post};

/// More than h2 lets a peer reset by default.
const BURST: usize = 500;

#[tokio::test]
async fn requests_that_are_dropped_in_a_burst_do_not_end_the_connection() {
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let (let_go, held) = mpsc::channel::<()>();
    let serving = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            far.set_nonblocking(true).unwrap();
            let far = UnixStream::from_std(far).unwrap();
            serve(far, |exchange: Exchange| {
                if exchange.head.uri.path() == "/first" {
                    // Holds the connection's task up: what follows is read all at once.
                    held.recv().unwrap();
                }
                async move {
                    let _ = exchange.answer.value(&"done").await;
                }
            })
            .await
        })
    });
    near.set_nonblocking(true).unwrap();
    let (client, connection) = Client::start(UnixStream::from_std(near).unwrap())
        .await
        .unwrap();
    tokio::spawn(connection);
    let kept = client.request(post("/first"), Bytes::new());
    let mut kept = Box::pin(kept);
    poll_once(kept.as_mut()).await;
    settle().await;
    let mut burst = Vec::new();
    for _ in 0..BURST {
        let mut request = Box::pin(client.request(post("/dropped"), Bytes::new()));
        poll_once(request.as_mut()).await;
        burst.push(request);
    }
    settle().await;
    drop(burst);
    settle().await;
    let_go.send(()).unwrap();
    let answer = timeout(Duration::from_secs(20), kept).await.unwrap();
    assert_eq!(answer.expect("the connection lives").status(), 200);
    let another = client.request(post("/another"), Bytes::new());
    let answer = timeout(Duration::from_secs(20), another).await.unwrap();
    assert_eq!(answer.expect("the connection lives").status(), 200);
    drop(client);
    drop(serving);
}

async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) {
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

/// Lets the client's connection, the only other task here, write what it has.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_control_connection_carries_a_bounded_number_of_requests() {
    let (near, far) = UnixStream::pair().unwrap();
    let taken = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&taken);
    tokio::spawn(serve(far, move |exchange: Exchange| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let _exchange = exchange;
            std::future::pending::<()>().await;
        }
    }));
    let (client, connection) = Client::start(near).await.unwrap();
    tokio::spawn(connection);
    let mut requests = Vec::new();
    for _ in 0..4 * CONTROL_STREAMS {
        let mut request = Box::pin(client.request(post("/"), Bytes::new()));
        poll_once(request.as_mut()).await;
        requests.push(request);
        settle().await;
    }
    assert_eq!(taken.load(Ordering::SeqCst), CONTROL_STREAMS);
    // Those beyond wait, and are taken when one has ended.
    requests.drain(..10);
    settle().await;
    assert_eq!(taken.load(Ordering::SeqCst), CONTROL_STREAMS + 10);
}
