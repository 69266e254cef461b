//! States in every kind of cell, of std and of other crates, under every kind of name: each
//! compiles without a warning, with or without serde on the contents.
#![deny(warnings)]
#![allow(dead_code, reason = "what is looked at is the expansion")]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use once_cell::sync::{Lazy, OnceCell};
use parking_lot::{FairMutex, Mutex, ReentrantMutex, RwLock};

/// Implements neither serde's traits nor `Debug`.
struct Plain(u8);

#[derive(serde::Serialize, serde::Deserialize)]
struct Encoded {
    number: u8,
}

/// Not generic, and has methods with the names of a lock's.
struct Odd;

impl Odd {
    fn try_lock<T>(&self, _: T) {}
    fn get(self) {}
    unsafe fn try_read() {}
}

type Locked<T> = parking_lot::Mutex<T>;
type Values = Locked<BTreeMap<String, Encoded>>;

#[kt::state]
static IMPORTED: Mutex<Encoded> = Mutex::new(Encoded { number: 1 });
#[kt::state]
static STANDARD: std::sync::Mutex<Encoded> = std::sync::Mutex::new(Encoded { number: 1 });
#[kt::state]
static ALIAS: Values = Values::new(BTreeMap::new());
#[kt::state]
static READ: RwLock<Encoded> = RwLock::new(Encoded { number: 1 });
#[kt::state]
static FAIR: FairMutex<Encoded> = FairMutex::new(Encoded { number: 1 });
#[kt::state]
static REENTRANT: ReentrantMutex<RefCell<Encoded>> = ReentrantMutex::new(RefCell::new(Encoded { number: 1 }));
#[kt::state]
static PLAIN: Mutex<Plain> = Mutex::new(Plain(1));
#[kt::state]
static ODD: Odd = Odd;
#[kt::state]
static IN_STD: std::sync::Mutex<Mutex<Encoded>> = std::sync::Mutex::new(Mutex::new(Encoded { number: 1 }));
#[kt::state]
static LAZY: LazyLock<Mutex<Encoded>> = LazyLock::new(|| Mutex::new(Encoded { number: 1 }));
#[kt::state]
static SHARED: LazyLock<Arc<RwLock<Encoded>>> = LazyLock::new(|| Arc::new(RwLock::new(Encoded { number: 1 })));
#[kt::state]
static SHARED_PLAIN: LazyLock<Arc<RwLock<Plain>>> = LazyLock::new(|| Arc::new(RwLock::new(Plain(1))));
#[kt::state]
static ONCE: OnceCell<Encoded> = OnceCell::new();
#[kt::state]
static ONCE_PLAIN: OnceCell<Plain> = OnceCell::new();
#[kt::state]
static FORCED: Lazy<Encoded> = Lazy::new(|| Encoded { number: 1 });
#[kt::state]
static MAP: Lazy<dashmap::DashMap<String, Encoded>> = Lazy::new(Default::default);
#[kt::state]
static MAP_PLAIN: Lazy<dashmap::DashMap<String, Plain>> = Lazy::new(Default::default);
#[kt::state]
static MAP_SHARED: LazyLock<Arc<dashmap::DashMap<u8, Encoded>>> = LazyLock::new(Default::default);
#[kt::state]
static SET: LazyLock<dashmap::DashSet<String>> = LazyLock::new(Default::default);
#[kt::state]
static SWAP: LazyLock<arc_swap::ArcSwap<Encoded>> =
    LazyLock::new(|| arc_swap::ArcSwap::from_pointee(Encoded { number: 1 }));
#[kt::state]
static SWAP_PLAIN: LazyLock<arc_swap::ArcSwap<Plain>> = LazyLock::new(|| arc_swap::ArcSwap::from_pointee(Plain(1)));
#[kt::state]
static OPTION: arc_swap::ArcSwapOption<Encoded> = arc_swap::ArcSwapOption::const_empty();
#[kt::state]
static ASYNC: async_lock::Mutex<Encoded> = async_lock::Mutex::new(Encoded { number: 1 });
#[kt::state]
static ASYNC_READ: async_lock::RwLock<Encoded> = async_lock::RwLock::new(Encoded { number: 1 });
#[kt::state]
static ASYNC_ONCE: async_lock::OnceCell<Encoded> = async_lock::OnceCell::new();
#[kt::state]
static TOKIO: tokio::sync::Mutex<Mutex<Encoded>> = tokio::sync::Mutex::const_new(Mutex::new(Encoded { number: 1 }));

fn main() {}
