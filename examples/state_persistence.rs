//! A store in the worker's memory: it outlives this program and every edit of it.
//!
//! ```text
//! cargo kt run --example state_persistence set name Alice
//! cargo kt run --example state_persistence get name
//! cargo kt run --example state_persistence list
//! cargo kt run --example state_persistence clear
//! ```

use std::{
    collections::BTreeMap,
    env,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

/// Add a field with `#[serde(default)]` and run again: kt migrates the existing entries.
#[derive(Serialize, Deserialize)]
struct Entry {
    value: String,
}

#[kt::state]
static STORE: Mutex<BTreeMap<String, Entry>> = Mutex::new(BTreeMap::new());

fn store() -> MutexGuard<'static, BTreeMap<String, Entry>> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[kt::remote]
fn set(key: String, value: String) -> usize {
    let mut store = store();
    store.insert(key, Entry { value });
    store.len()
}

#[kt::remote]
fn get(key: String) -> Option<String> {
    store().get(&key).map(|entry| entry.value.clone())
}

#[kt::remote]
fn list() -> Vec<(String, String)> {
    let store = store();
    let entries = store
        .iter()
        .map(|(key, entry)| (key.clone(), entry.value.clone()));
    entries.collect()
}

#[kt::remote]
fn clear() -> usize {
    std::mem::take(&mut *store()).len()
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["set", key, value] => println!("{} entries", set(key.into(), value.into()).await?),
        ["get", key] => println!(
            "{}",
            get(key.into()).await?.as_deref().unwrap_or("(not set)")
        ),
        ["list"] => list()
            .await?
            .iter()
            .for_each(|(key, value)| println!("{key} = {value}")),
        ["clear"] => println!("{} entries cleared", clear().await?),
        _ => println!("use: set KEY VALUE | get KEY | list | clear"),
    }
    Ok(())
}
