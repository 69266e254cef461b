//! What every step of the flow is given: the directory and environment that `cargo kt` was started
//! in, and the Rust toolchain. It knows nothing of programs, plans or services.

mod cargo_context;
pub(crate) mod cfg;
mod error;
mod toolchain;

pub use cargo_context::CargoContext;
pub use error::ContextError;
pub use toolchain::Toolchain;
