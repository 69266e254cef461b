//! Cells: most states wrap their value in a lock or a cell. The value can be read and replaced in
//! any condition of the cell, without waiting indefinitely.

use std::{
    any::Any,
    cell::RefCell,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, RwLock, TryLockError},
    thread,
    time::{Duration, Instant},
};

/// How often to retry a lock that is held.
const RETRY: Duration = Duration::from_millis(1);

/// The lock was held until the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockTimeout;

/// The condition of a value's cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Sound,
    /// A panic happened while its lock was held.
    Poisoned,
}

/// A type that contains the state's actual value.
///
/// `L` is a local type of the crate that implements this for a foreign type, as coherence requires.
/// The implementations below hold for every `L`.
pub trait Cell<L = ()>: Sized + 'static {
    type Value;

    /// Whether [`exchange`](Self::exchange) may be called: some cells can be set only once.
    const REPLACEABLE: bool;

    /// Passes the value to `see`, if there is one. Waits for a lock until the deadline.
    fn look(
        &self,
        until: Instant,
        see: &mut dyn FnMut(&Self::Value, Found),
    ) -> Result<(), LockTimeout>;

    /// Creates a cell with this value, poisoned if the original cell was.
    fn with(value: Self::Value, found: Found) -> Self;

    /// Creates an empty cell, if the type supports it.
    fn empty() -> Option<Self> {
        None
    }

    /// Swaps the value with that of another cell if `go`, called while the lock is held, returns
    /// true. Only types that are not replaceable omit this.
    fn exchange(
        &self,
        _other: &mut Self,
        _until: Instant,
        _go: &mut dyn FnMut() -> bool,
    ) -> Result<(), LockTimeout> {
        unreachable!("it is not replaceable")
    }
}

/// Retries until an attempt succeeds or the deadline passes.
///
/// # Errors
/// If the deadline passes.
pub fn until<G>(end: Instant, mut attempt: impl FnMut() -> Option<G>) -> Result<G, LockTimeout> {
    loop {
        if let Some(guard) = attempt() {
            return Ok(guard);
        }
        if Instant::now() >= end {
            return Err(LockTimeout);
        }
        thread::sleep(RETRY);
    }
}

fn found<G>(tried: Result<G, TryLockError<G>>) -> Option<(G, Found)> {
    match tried {
        Ok(guard) => Some((guard, Found::Sound)),
        Err(TryLockError::Poisoned(poisoned)) => Some((poisoned.into_inner(), Found::Poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Poisons a lock without printing a panic message.
fn poison<G>(lock: impl FnOnce() -> G) {
    let poisoned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = lock();
        std::panic::resume_unwind(Box::new(()));
    }));
    debug_assert!(poisoned.is_err());
}

thread_local! {
    static LEFT: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Stores a value for the next call of [`left`] on this thread.
pub fn leave<V: 'static>(value: V) {
    LEFT.set(Some(Box::new(value)));
}

/// Takes the value that [`leave`] stored: an initializer for lazy cells, whose type requires a
/// function without captures.
///
/// # Panics
/// If no value of this type was stored on this thread.
pub fn left<V: 'static>() -> V {
    let value = LEFT.with_borrow_mut(Option::take);
    let value = value.and_then(|value| value.downcast::<V>().ok());
    *value.unwrap_or_else(|| {
        unreachable!("a lazy cell is forced on the thread that stored its value")
    })
}

/// Implements [`Cell`] for a lock of std. The arguments are the methods that lock it.
macro_rules! lock {
    ($lock:ident, $try_read:ident, $try_write:ident, $write:ident) => {
        impl<L, V: 'static> Cell<L> for $lock<V> {
            type Value = V;

            const REPLACEABLE: bool = true;

            fn look(
                &self,
                end: Instant,
                see: &mut dyn FnMut(&V, Found),
            ) -> Result<(), LockTimeout> {
                let (guard, found) = until(end, || found(self.$try_read()))?;
                see(&guard, found);
                Ok(())
            }

            fn with(value: V, found: Found) -> Self {
                let lock = Self::new(value);
                if found == Found::Poisoned {
                    poison(|| lock.$write());
                }
                lock
            }

            fn exchange(
                &self,
                other: &mut Self,
                end: Instant,
                go: &mut dyn FnMut() -> bool,
            ) -> Result<(), LockTimeout> {
                let (mut guard, _) = until(end, || found(self.$try_write()))?;
                if go() {
                    self.clear_poison();
                    let other = other.get_mut().unwrap_or_else(PoisonError::into_inner);
                    std::mem::swap(&mut *guard, other);
                }
                Ok(())
            }
        }
    };
}

lock!(Mutex, try_lock, try_lock, lock);
lock!(RwLock, try_read, try_write, write);

impl<L, V: 'static> Cell<L> for OnceLock<V> {
    type Value = V;

    const REPLACEABLE: bool = false;

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), LockTimeout> {
        if let Some(value) = self.get() {
            see(value, Found::Sound);
        }
        Ok(())
    }

    fn with(value: V, _: Found) -> Self {
        Self::from(value)
    }

    fn empty() -> Option<Self> {
        Some(Self::new())
    }
}

/// Only with the default function type of a static's `LazyLock`.
impl<L, V: 'static> Cell<L> for LazyLock<V, fn() -> V> {
    type Value = V;

    const REPLACEABLE: bool = false;

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), LockTimeout> {
        if let Some(value) = Self::get(self) {
            see(value, Found::Sound);
        }
        Ok(())
    }

    fn with(value: V, _: Found) -> Self {
        leave(value);
        let lazy: Self = Self::new(left::<V>);
        Self::force(&lazy);
        lazy
    }
}

/// Implements [`Cell`] for a lock of tokio, which has no poisoning.
macro_rules! async_lock {
    ($lock:ident, $try_read:ident, $try_write:ident) => {
        impl<L, V: 'static> Cell<L> for tokio::sync::$lock<V> {
            type Value = V;

            const REPLACEABLE: bool = true;

            fn look(
                &self,
                end: Instant,
                see: &mut dyn FnMut(&V, Found),
            ) -> Result<(), LockTimeout> {
                let guard = until(end, || self.$try_read().ok())?;
                see(&guard, Found::Sound);
                Ok(())
            }

            fn with(value: V, _: Found) -> Self {
                Self::new(value)
            }

            fn exchange(
                &self,
                other: &mut Self,
                end: Instant,
                go: &mut dyn FnMut() -> bool,
            ) -> Result<(), LockTimeout> {
                let mut guard = until(end, || self.$try_write().ok())?;
                if go() {
                    std::mem::swap(&mut *guard, other.get_mut());
                }
                Ok(())
            }
        }
    };
}

async_lock!(Mutex, try_lock, try_lock);
async_lock!(RwLock, try_read, try_write);

impl<L, V: 'static> Cell<L> for tokio::sync::OnceCell<V> {
    type Value = V;

    const REPLACEABLE: bool = false;

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), LockTimeout> {
        if let Some(value) = self.get() {
            see(value, Found::Sound);
        }
        Ok(())
    }

    fn with(value: V, _: Found) -> Self {
        Self::new_with(Some(value))
    }

    fn empty() -> Option<Self> {
        Some(Self::new())
    }
}

/// After a move, the value is no longer shared with other clones: it gets a new `Arc`.
impl<L, V: 'static> Cell<L> for Arc<V> {
    type Value = V;

    const REPLACEABLE: bool = false;

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), LockTimeout> {
        see(self, Found::Sound);
        Ok(())
    }

    fn with(value: V, _: Found) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn now() -> Instant {
        Instant::now()
    }

    fn seen<C: Cell<Value: Clone>>(cell: &C) -> Result<Option<(C::Value, Found)>, LockTimeout> {
        let mut seen = None;
        cell.look(now(), &mut |value, found| {
            seen = Some((value.clone(), found))
        })?;
        Ok(seen)
    }

    fn with<C: Cell>(value: C::Value, found: Found) -> C {
        C::with(value, found)
    }

    fn exchange<C: Cell>(cell: &C, other: &mut C, go: bool) -> Result<(), LockTimeout> {
        cell.exchange(other, now(), &mut || go)
    }

    fn holds<C: Cell<Value: Clone + PartialEq + Debug>>(value: C::Value) {
        let cell = C::with(value.clone(), Found::Sound);
        assert_eq!(seen(&cell), Ok(Some((value, Found::Sound))));
    }

    #[test]
    fn every_kind_of_cell_holds_its_value() {
        holds::<Mutex<u8>>(1);
        holds::<RwLock<String>>("text".into());
        holds::<OnceLock<u8>>(2);
        holds::<LazyLock<Vec<u8>>>(vec![3]);
        holds::<tokio::sync::Mutex<u8>>(4);
        holds::<tokio::sync::RwLock<u8>>(5);
        holds::<tokio::sync::OnceCell<u8>>(6);
        assert_eq!(seen(&OnceLock::<u8>::new()), Ok(None));
        let untouched: LazyLock<u8> = LazyLock::new(|| panic!("reading it must not initialize it"));
        assert_eq!(seen(&untouched), Ok(None));
    }

    #[test]
    fn poison_moves_with_the_value_and_an_exchange_clears_it() {
        for poisoned in [true, false] {
            let found = if poisoned {
                Found::Poisoned
            } else {
                Found::Sound
            };
            let (mutex, lock): (Mutex<u8>, RwLock<u8>) = (with(7, found), with(7, found));
            assert_eq!(
                (mutex.is_poisoned(), lock.is_poisoned()),
                (poisoned, poisoned)
            );
            assert_eq!(seen(&mutex), Ok(Some((7, found))));
            assert_eq!(seen(&lock), Ok(Some((7, found))));
            let mut other = Mutex::new(8);
            assert_eq!(exchange(&mutex, &mut other, false), Ok(()));
            assert_eq!(seen(&mutex), Ok(Some((7, found))));
            assert_eq!(exchange(&mutex, &mut other, true), Ok(()));
            assert_eq!(*mutex.lock().expect("no poison is left"), 8);
            assert_eq!(other.into_inner().ok(), Some(7));
        }
    }

    #[test]
    fn waiting_for_a_held_lock_times_out() {
        let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
        let asynchronous = tokio::sync::Mutex::new(1);
        let (_one, _two, _three) = (mutex.lock(), lock.write(), asynchronous.try_lock());
        assert_eq!(seen(&mutex), Err(LockTimeout));
        assert_eq!(seen(&lock), Err(LockTimeout));
        assert_eq!(seen(&asynchronous), Err(LockTimeout));
        let mut other = Mutex::new(2);
        assert_eq!(exchange(&mutex, &mut other, true), Err(LockTimeout));
    }
}
