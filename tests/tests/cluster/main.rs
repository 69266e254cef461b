//! The same promises as on this machine, in pods of a real cluster.
//!
//! Every test has a namespace of its own, and is ignored unless asked for: `tests/cluster/cluster
//! up`, then `cargo test -p tests --test cluster -- --ignored`, or the same with `KUBECONFIG` of a
//! cluster of yours.

mod access;
mod commands;
mod connection;
mod debugger;
mod delta;
mod demos;
mod faults;
mod files;
mod forward;
mod launch;
mod libraries;
mod lifetime;
mod logs;
mod policies;
mod services;
mod shells;
mod stacks;
