//! Edit the message and run again: the same process answers with the new code.
//!
//! ```text
//! cargo kt run --example hot_reload
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

const MESSAGE: &str = "Hello from generation one!";

#[kt::state]
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Runs in the worker process; its pid stays the same.
#[kt::remote]
fn greet(name: String) -> String {
    let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    format!(
        "{MESSAGE} Hi {name}, this is call {call} in process {}.",
        std::process::id()
    )
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    println!("{}", greet("Alice".into()).await?);
    println!("Now edit MESSAGE in {} and run this again.", file!());
    Ok(())
}
