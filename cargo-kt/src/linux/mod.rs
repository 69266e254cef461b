//! What only Linux has: files of `/proc`, and pidfds. The rest of cargo-kt needs a Unix. It knows
//! nothing of programs, services or terminals.
//!
//! `docs/design/platforms.md` says what another system needs in its place.

mod kernel;
mod keys;
mod process;
pub mod process_tree;

pub use kernel::{host_name, release, setting};
pub use keys::is_read_by;
#[cfg(feature = "kubernetes")]
pub use process::own_mappings;
pub use process::{OWN_EXECUTABLE, arguments, children, environment, is_inherited, started};
