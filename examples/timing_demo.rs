//! What warmth is worth: the first run loads a table for a while, every later one finds it in memory.
//!
//! ```text
//! cargo kt run --example timing_demo
//! ```

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use examples::{median, row};

const LIMIT: usize = 40_000_000;

/// Stands for a model or an index: expensive to make, and made once.
#[kt::state]
static PRIMES: OnceLock<Vec<u32>> = OnceLock::new();

/// The `n`th prime, and how long this call spent on loading the table.
#[kt::remote]
fn prime(n: usize) -> (u32, Duration) {
    let started = Instant::now();
    let primes = PRIMES.get_or_init(sieve);
    (primes[n], started.elapsed())
}

fn sieve() -> Vec<u32> {
    let mut composite = vec![false; LIMIT];
    for n in (2..).take_while(|n| n * n < LIMIT).collect::<Vec<_>>() {
        if !composite[n] {
            (n * n..LIMIT)
                .step_by(n)
                .for_each(|multiple| composite[multiple] = true);
        }
    }
    (2..LIMIT as u32)
        .filter(|&n| !composite[n as usize])
        .collect()
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    let started = Instant::now();
    let (answer, loading) = prime(2_000_000).await?;
    let first = started.elapsed();

    let mut calls = Vec::new();
    for n in 0..1000 {
        let started = Instant::now();
        prime(n).await?;
        calls.push(started.elapsed());
    }
    println!("the prime number {} is {answer}", 2_000_000);
    println!("{}", row("loading the table", loading));
    println!(
        "{}",
        row(
            "connecting and the first call",
            first.saturating_sub(loading)
        )
    );
    println!(
        "{}",
        row("each call after it (median of 1000)", median(calls))
    );
    match loading > Duration::from_millis(10) {
        true => println!(
            "That was cold. Run it again, or edit this file and run it again: now it is warm."
        ),
        false => println!("Warm: the table was still there."),
    }
    Ok(())
}
