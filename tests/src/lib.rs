//! Support for the end-to-end suites in `tests/`: real cargo, real processes, real workspaces.
//!
//! A [`Project`] is a copy of a fixture in its own directory, with its own services. Tests edit and
//! run it. This crate does not know kt's internals: it sees commands, files, processes and their
//! output, as a developer does.

mod cargo_kt;
pub mod cluster;
mod copy;
pub mod demos;
mod fixture;
mod leftovers;
pub mod modules;
mod noise;
mod output;
pub mod paste;
mod process;
mod project;
mod proxy;
pub mod recorded;
mod redact;
mod screen;
mod seed;
mod service_process;
mod slot;
pub mod tcp;
pub mod toolchain;

pub use cargo_kt::{cargo_kt, checkout, clean_environment};
pub use fixture::Fixture;
pub use noise::noise;
pub use output::Output;
pub use process::Running;
pub use project::Project;
pub use proxy::Proxy;
pub use redact::{redacted, redacted_text};
pub use screen::Screen;
pub use service_process::ServiceProcess;
