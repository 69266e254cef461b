//! Synchronization primitives for the files that `tests/models` compiles a second time with loom,
//! which tries every order in which the threads can run.

pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::Thread,
    time::Instant,
};

pub(crate) use tokio::sync::Notify;

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
}
