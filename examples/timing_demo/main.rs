//! What a warm process saves: the first run loads a table, every later one finds it in memory.
//!
//! ```text
//! cargo kt run --example timing_demo
//! cargo kt run --example timing_demo --place kubernetes
//! ```
//!
//! It prints a table, and writes a page with the last cold start, warm run and edit to
//! `target/timing_demo.html`.

mod page;

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use examples::{percentile, row};
use page::{Kind, Record};

const LIMIT: usize = 40_000_000;

/// Stands for a model or an index: expensive to build, and built once.
#[kt::state]
static PRIMES: OnceLock<Vec<u32>> = OnceLock::new();

/// The `n`th prime, and the time that this call spent on loading the table.
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
    let run = kt::Run::current();
    let since_began = run.as_ref().and_then(|run| run.began.elapsed().ok());

    let mut calls = Vec::new();
    for n in 0..1000 {
        let started = Instant::now();
        prime(n).await?;
        calls.push(started.elapsed());
    }
    let calling = first.saturating_sub(loading);
    let (p50, p99) = (percentile(&mut calls, 50), percentile(&mut calls, 99));
    println!("the prime number {} is {answer}", 2_000_000);
    println!("{}", row("loading the table", loading));
    println!("{}", row("connecting and the first call", calling));
    println!("{}", row("each later call (median of 1000)", p50));
    println!("{}", row("99th percentile of these calls", p99));
    if let (Some(run), Some(total)) = (run, since_began) {
        let kind = match (run.cold, run.changed) {
            (true, _) => Kind::Cold,
            (false, true) => Kind::Edit,
            (false, false) => Kind::Warm,
        };
        let phases = page::timeline(&run.phases, total, first, loading);
        println!("{}", row(kind.name(), total));
        for phase in &phases {
            println!("{}", row(&format!("  {}", phase.name), phase.took));
        }
        let record = Record {
            place: run.place,
            total,
            p50,
            p99,
            phases,
        };
        match page::keep(kind, &record) {
            Ok(path) => println!("see {}", path.display()),
            Err(error) => println!("failed to write the page: {error}"),
        }
    }
    match loading > Duration::from_millis(10) {
        true => println!(
            "This was a cold start. Run it again, or edit this file first: both are warm now."
        ),
        false => println!("Warm: the table was still in memory."),
    }
    Ok(())
}
