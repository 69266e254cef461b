//! clippy on a user's code: `cargo clippy --all-targets -- -D warnings` reports nothing that it
//! would not report without the attributes.
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::pedantic)]

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Entries by key.
#[kt::state]
pub static CACHE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Adds an entry. Takes the key by value although it only borrows it.
///
/// # Panics
/// If a call panicked while it held the lock.
#[kt::remote]
pub fn set(key: String, value: String) -> usize {
    let mut cache = CACHE.lock().unwrap();
    cache.insert(key.trim().to_owned(), value);
    cache.len()
}

/// Returns a `Result` for its callers, although it cannot fail today.
///
/// # Errors
/// Never.
#[kt::remote]
pub fn fallible((left, right): (u32, u32), _unused: bool) -> Result<u32, String> {
    Ok(left + right)
}

/// Sleeps.
#[kt::remote]
#[must_use]
pub async fn later(mut seconds: u64) -> u64 {
    seconds += 1;
    std::future::ready(seconds).await
}

#[kt::remote]
fn private(big: [u8; 32], boxed: String) -> Box<[u8]> {
    let _ = boxed.len();
    Box::new(big)
}

#[test]
fn calls_outside_cargo_kt_run_in_place() {
    assert_eq!(set(" name ".into(), "Alice".into()).blocking().unwrap(), 1);
    assert_eq!(CACHE.lock().unwrap()["name"], "Alice");
    assert_eq!(fallible((1, 2), true).blocking().unwrap(), Ok(3));
    assert_eq!(later(1).blocking().unwrap(), 2);
    assert_eq!(private([1; 32], String::new()).blocking().unwrap()[31], 1);
}
