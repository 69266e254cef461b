//! Finds what cannot be a state.
//!
//! That a state's type is `Sync` is rustc's to find out; the expansion only sees to it that it says so once.

use syn::{Error, Result, StaticMutability};

use super::parse::State;

/// Whether a static can be a state.
///
/// # Errors
/// If it is mutable without a lock.
pub fn state(state: &State) -> Result<()> {
    if let StaticMutability::Mut(token) = &state.mutability {
        return Err(Error::new_spanned(
            token,
            "a state is shared by calls that run at the same time: remove `mut` and wrap the type in a `Mutex`, a \
             `RwLock` or an atomic",
        ));
    }
    Ok(())
}
