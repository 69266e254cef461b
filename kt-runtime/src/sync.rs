//! What threads wait with, for the files that `tests/models` compiles a second time, against loom's in the place of these.
//! There every order in which the threads can run is tried.

pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::Thread,
    time::Instant,
};

pub(crate) use tokio::sync::Notify;

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
}
