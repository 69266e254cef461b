//! Rejects statics that cannot be a state.
//!
//! rustc checks that a state's type is `Sync`. The expansion only ensures that it reports this
//! once.

use syn::{Error, Result, StaticMutability};

use super::parse::State;

/// Whether a static can be a state.
///
/// # Errors
/// If it is a `static mut`.
pub fn state(state: &State) -> Result<()> {
    if let StaticMutability::Mut(token) = &state.mutability {
        return Err(Error::new_spanned(
            token,
            "a state is shared by concurrent calls: remove `mut` and wrap the type in a `Mutex`, a `RwLock` \
             or an atomic",
        ));
    }
    Ok(())
}
