//! A thousand concurrent calls of one second each in one worker process, async and blocking.
//!
//! ```text
//! cargo kt run --example concurrent_calls
//! ```

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

const CALLS: u64 = 500;
const PAUSE: Duration = Duration::from_secs(1);

/// An async function waits on the worker's tokio runtime.
#[kt::remote]
async fn wait(number: u64) -> u64 {
    tokio::time::sleep(PAUSE).await;
    number * number
}

/// A blocking function runs on its own thread.
#[kt::remote]
fn block(number: u64) -> u64 {
    thread::sleep(PAUSE);
    number * number
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        calls.spawn(wait(number).into_future());
        calls.spawn(block(number).into_future());
    }
    let squares: u64 = calls.join_all().await.into_iter().sum::<Result<u64, _>>()?;

    let expected: u64 = (0..CALLS).map(|number| 2 * number * number).sum();
    assert_eq!(squares, expected, "each call returns its own result");
    println!(
        "{} calls of {PAUSE:?} each took {:.2?}",
        2 * CALLS,
        started.elapsed()
    );
    Ok(())
}
