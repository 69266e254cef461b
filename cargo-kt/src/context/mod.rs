//! What every step of the flow is given: the directory and environment that `cargo kt` was started
//! in, and the Rust toolchain. It knows nothing of programs, plans or services.

pub(crate) mod argfile;
mod cargo_context;
pub(crate) mod cfg;
mod error;
pub(crate) mod flags;
mod installer;
mod lld;
mod toolchain;
pub(crate) mod wrappers;

pub use cargo_context::CargoContext;
pub use error::ContextError;
pub use flags::UnsupportedFlag;
pub use installer::InstallTarget;
pub use lld::find_lld;
pub use toolchain::Toolchain;
pub use wrappers::Wrappers;
