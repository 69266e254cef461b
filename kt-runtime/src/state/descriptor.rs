//! What `#[kt::state]` exports.

use std::{
    fmt,
    ptr::{self, NonNull},
    sync::atomic::AtomicPtr,
};

use super::{
    State,
    abilities::{Abilities, Made},
};
use crate::codec::format::{Decoder, FormatError};

/// What a crate object exports for each state, as `kt:state:<key>`.
#[doc(hidden)]
pub struct StateDescriptor {
    pub(crate) key: &'static str,
    /// As written in the source.
    pub(crate) type_tokens: &'static str,
    pub(crate) size: usize,
    pub(crate) align: usize,
    /// The handle's slot.
    pub(crate) slot: &'static AtomicPtr<()>,
    /// The initial value, a static of the same object.
    pub(crate) initial: NonNull<()>,
    /// Hash of the initialiser's tokens.
    pub(crate) initialiser: u64,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) abilities: fn() -> Abilities,
    /// The developer's own count of what the value means.
    pub(crate) version: u64,
    /// The developer's own way from the former value.
    pub(crate) migrate: Option<Migrate>,
    /// The developer vouches that what has no visible type in the value is of no type of the workspace.
    pub(crate) keep: bool,
    /// Lets go of what the value holds, once a swap has reset the state and the calls that use it have ended.
    pub(crate) on_reset: Option<fn(Old)>,
}

/// Makes a value of what a former generation encoded.
pub type Migrate = fn(&mut Decoder<'_>) -> Result<Made, FormatError>;

/// A former value of a state.
#[derive(Debug)]
pub struct Old(pub(crate) NonNull<()>);

/// Gives a former value to the state's own `on_reset`. `T` is the state's type, as the macro writes it.
pub fn reset<T: 'static, R>(value: Old, hook: impl FnOnce(&'static T) -> R) {
    // SAFETY: the worker gives a descriptor's function values of the descriptor's type only, and they live for ever.
    let value: &'static T = unsafe { value.0.cast().as_ref() };
    drop(hook(value));
}

// SAFETY: all of it is read-only but for the slot, which is atomic; `initial` is only compared, copied while nobody can have
// used it, and stored in slots.
unsafe impl Sync for StateDescriptor {}

impl StateDescriptor {
    /// A descriptor of a state without a version or a way of its own to migrate.
    #[expect(clippy::too_many_arguments, reason = "called by the macro only")]
    pub const fn new<T: 'static>(
        key: &'static str,
        handle: &'static State<T>,
        initial: &'static T,
        type_tokens: &'static str,
        initialiser: u64,
        file: &'static str,
        line: u32,
        abilities: fn() -> Abilities,
    ) -> Self {
        // SAFETY: `AtomicPtr<T>` and `AtomicPtr<()>` have the same layout for sized `T`; `State` is transparent.
        let slot = unsafe { &*ptr::from_ref(&handle.slot).cast::<AtomicPtr<()>>() };
        Self {
            key,
            type_tokens,
            size: size_of::<T>(),
            align: align_of::<T>(),
            slot,
            initial: NonNull::from_ref(initial).cast(),
            initialiser,
            file,
            line,
            abilities,
            version: 0,
            migrate: None,
            keep: false,
            on_reset: None,
        }
    }

    #[must_use]
    pub const fn version(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    #[must_use]
    pub const fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = Some(migrate);
        self
    }

    #[must_use]
    pub const fn on_reset(mut self, hook: fn(Old)) -> Self {
        self.on_reset = Some(hook);
        self
    }

    #[must_use]
    pub const fn keep(mut self) -> Self {
        self.keep = true;
        self
    }
}

impl fmt::Debug for StateDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.key, self.file, self.line)
    }
}
