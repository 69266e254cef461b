//! The descriptor that `#[kt::state]` exports.

use std::{
    fmt,
    ptr::{self, NonNull},
    sync::atomic::AtomicPtr,
};

use super::{
    State,
    vtable::{BoxedValue, StateVTable},
};
use crate::codec::format::{Decoder, FormatError};

/// Exported by a crate object for each state, as `kt:state:<key>`.
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
    /// Hash of the initializer's tokens.
    pub(crate) initializer: u64,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) vtable: fn() -> StateVTable,
    /// The user's version number of the value's meaning.
    pub(crate) version: u64,
    /// The user's conversion from the former value.
    pub(crate) migrate: Option<Migrate>,
    /// The user vouches that the parts of the value without a visible type contain no types of the
    /// workspace.
    pub(crate) keep: bool,
    /// The user's cleanup of a value that a swap reset, run once no call uses it.
    pub(crate) on_reset: Option<fn(Old)>,
}

/// Creates a value from the encoding that a former generation wrote.
pub type Migrate = fn(&mut Decoder<'_>) -> Result<BoxedValue, FormatError>;

/// A former value of a state.
#[derive(Debug)]
pub struct Old(pub(crate) NonNull<()>);

/// Passes a former value to the state's `on_reset`. `T` is the state's type, as the macro writes
/// it.
pub fn reset<T: 'static, R>(value: Old, hook: impl FnOnce(&'static T) -> R) {
    // SAFETY: the worker passes only values of the descriptor's type, and they are never freed.
    let value: &'static T = unsafe { value.0.cast().as_ref() };
    drop(hook(value));
}

// SAFETY: everything is read-only except the slot, which is atomic. `initial` is only compared,
// copied before any use, and stored in slots.
unsafe impl Sync for StateDescriptor {}

impl StateDescriptor {
    /// A descriptor of a state without a version or a `migrate` function.
    #[expect(clippy::too_many_arguments, reason = "called by the macro only")]
    pub const fn new<T: 'static>(
        key: &'static str,
        handle: &'static State<T>,
        initial: &'static T,
        type_tokens: &'static str,
        initializer: u64,
        file: &'static str,
        line: u32,
        vtable: fn() -> StateVTable,
    ) -> Self {
        // SAFETY: `AtomicPtr<T>` and `AtomicPtr<()>` have the same layout for sized `T`; `State` is
        // transparent.
        let slot = unsafe { &*ptr::from_ref(&handle.slot).cast::<AtomicPtr<()>>() };
        Self {
            key,
            type_tokens,
            size: size_of::<T>(),
            align: align_of::<T>(),
            slot,
            initial: NonNull::from_ref(initial).cast(),
            initializer,
            file,
            line,
            vtable,
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
