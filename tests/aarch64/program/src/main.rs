//! Calls that depend on the CPU: unwinding, thread-locals, atomics, floating point, the layout of
//! states. `tests/aarch64/run` edits it and compares what it prints.

use std::{
    cell::Cell,
    panic,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

const EDIT: &str = "one";

#[kt::state]
static CALLS: AtomicU64 = AtomicU64::new(0);

#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    sum: u64,
}

#[kt::state]
static LEDGER: Mutex<Ledger> = Mutex::new(Ledger { sum: 0 });

thread_local! {
    static CONSTANT: Cell<u64> = const { Cell::new(7) };
    static LAZY: Cell<u64> = Cell::new("lazy".len() as u64);
}

#[kt::remote]
fn worker() -> String {
    let call = CALLS.fetch_add(1, Ordering::SeqCst) + 1;
    let pid = std::process::id();
    format!("{EDIT}: {} call {call} pid {pid}", std::env::consts::ARCH)
}

#[kt::remote]
fn add(values: Vec<u64>) -> String {
    let mut ledger = LEDGER.lock().unwrap();
    ledger.sum += values.iter().sum::<u64>();
    format!("sum {}", ledger.sum)
}

/// Thread-locals of the call's thread and of new ones.
#[kt::remote]
fn thread_locals(threads: u64) -> u64 {
    let sum = |number| {
        CONSTANT.set(CONSTANT.get() + number);
        CONSTANT.get() + LAZY.get()
    };
    let own = sum(0);
    let started: Vec<_> = (0..threads)
        .map(|number| thread::spawn(move || sum(number)))
        .collect();
    own + started
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum::<u64>()
}

/// A panic that the function itself catches.
#[kt::remote]
fn caught() -> String {
    let inner = panic::catch_unwind(|| divide_inner(1, 0));
    inner.map_or_else(|_| "caught".to_owned(), |value| value.to_string())
}

#[kt::remote]
fn divide(dividend: i64, divisor: i64) -> i64 {
    divide_inner(dividend, divisor)
}

#[inline(never)]
fn divide_inner(dividend: i64, divisor: i64) -> i64 {
    dividend / divisor
}

#[kt::remote]
async fn later(values: Vec<f64>) -> f64 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    values.iter().map(|value| value.sqrt()).sum()
}

#[kt::remote]
fn stops(value: u64) -> u64 {
    kt::breakpoint!();
    value + 1
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    println!("driver: {}", std::env::consts::ARCH);
    println!("worker {}", worker().await?);
    match std::env::args().nth(1).as_deref() {
        Some("panic") => println!("quotient {}", divide(1, 0).await?),
        Some("breakpoint") => println!("stopped {}", stops(41).await?),
        _ => {
            println!("ledger {}", add((1..=10).collect()).await?);
            println!("thread-locals {}", thread_locals(4).await?);
            println!("unwinding {}", caught().await?);
            println!("roots {}", later(vec![4.0, 9.0, 16.0]).await?);
        }
    }
    Ok(())
}
