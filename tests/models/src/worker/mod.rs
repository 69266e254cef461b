//! The worker's files, and a file of models for each.

#[path = "../../../../kt-runtime/src/worker/backlog.rs"]
mod backlog;
#[path = "../../../../kt-runtime/src/worker/flush.rs"]
mod flush;
#[path = "../../../../kt-runtime/src/worker/gate.rs"]
mod gate;
mod origin;

pub mod calls_and_moves;
pub mod endings;
pub mod listeners;
