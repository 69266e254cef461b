//! `cargo kt describe`, `logs`, `top` and `doctor`.

mod describe;
mod doctor;
mod logs;
mod program;
mod top;
