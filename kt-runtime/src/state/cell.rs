//! Where a state's value lies: most states are a lock or a cell around what they are about. Such a value can be read, and
//! replaced, in whatever state the cell is, without waiting for ever.

use std::{
    any::Any,
    cell::RefCell,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, RwLock, TryLockError},
    thread,
    time::{Duration, Instant},
};

/// How often a lock is tried that somebody holds.
const RETRY: Duration = Duration::from_millis(1);

/// Somebody held the lock all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held;

/// How a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Sound,
    /// A panic happened while its lock was held.
    Poisoned,
}

/// A type that holds a value which is what the state is about.
///
/// `L` is a type of the crate that implements it for another crate's type: what allows it to. The kinds here hold for all of them.
pub trait Cell<L = ()>: Sized + 'static {
    type Value;

    /// Whether [`exchange`](Self::exchange) can be called: some kinds keep for ever what they were once given.
    const REPLACEABLE: bool;

    /// Shows the value, if there is one, waiting for a lock until then at the latest.
    fn look(&self, until: Instant, see: &mut dyn FnMut(&Self::Value, Found)) -> Result<(), Held>;

    /// A cell with this value, poisoned as that of which it was read.
    fn with(value: Self::Value, found: Found) -> Self;

    /// A cell without a value, where that can be.
    fn empty() -> Option<Self> {
        None
    }

    /// Exchanges the value for another cell's if `go` says so, which is asked while the lock is held. Only a kind that is not
    /// replaceable leaves it out.
    fn exchange(
        &self,
        _other: &mut Self,
        _until: Instant,
        _go: &mut dyn FnMut() -> bool,
    ) -> Result<(), Held> {
        unreachable!("it is not replaceable")
    }
}

/// Tries until it succeeds or the time is over.
///
/// # Errors
/// If the time is over.
pub fn until<G>(end: Instant, mut attempt: impl FnMut() -> Option<G>) -> Result<G, Held> {
    loop {
        if let Some(guard) = attempt() {
            return Ok(guard);
        }
        if Instant::now() >= end {
            return Err(Held);
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

/// Poisons what `lock` locks, without the words of a panic.
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

/// Leaves a value to the next call of [`left`] on this thread.
pub fn leave<V: 'static>(value: V) {
    LEFT.set(Some(Box::new(value)));
}

/// The value that [`leave`] was given: an initializer for a lazy cell, whose type takes a function that captures nothing.
///
/// # Panics
/// If no value of this type was left on this thread.
pub fn left<V: 'static>() -> V {
    let value = LEFT.with_borrow_mut(Option::take);
    let value = value.and_then(|value| value.downcast::<V>().ok());
    *value.unwrap_or_else(|| unreachable!("a lazy cell is forced where its value was left"))
}

/// A lock of std, by what locks it to read and to write.
macro_rules! lock {
    ($lock:ident, $try_read:ident, $try_write:ident, $write:ident) => {
        impl<L, V: 'static> Cell<L> for $lock<V> {
            type Value = V;

            const REPLACEABLE: bool = true;

            fn look(&self, end: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), Held> {
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
            ) -> Result<(), Held> {
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

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), Held> {
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

/// Only with the function that a static's type has, where it is not written out.
impl<L, V: 'static> Cell<L> for LazyLock<V, fn() -> V> {
    type Value = V;

    const REPLACEABLE: bool = false;

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), Held> {
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

/// A lock of tokio, which has no poison.
macro_rules! async_lock {
    ($lock:ident, $try_read:ident, $try_write:ident) => {
        impl<L, V: 'static> Cell<L> for tokio::sync::$lock<V> {
            type Value = V;

            const REPLACEABLE: bool = true;

            fn look(&self, end: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), Held> {
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
            ) -> Result<(), Held> {
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

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), Held> {
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

/// What it shares is not shared any more once its value was moved: the new value has an `Arc` of its own.
impl<L, V: 'static> Cell<L> for Arc<V> {
    type Value = V;

    const REPLACEABLE: bool = false;

    fn look(&self, _: Instant, see: &mut dyn FnMut(&V, Found)) -> Result<(), Held> {
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

    fn seen<C: Cell<Value: Clone>>(cell: &C) -> Result<Option<(C::Value, Found)>, Held> {
        let mut seen = None;
        cell.look(now(), &mut |value, found| {
            seen = Some((value.clone(), found))
        })?;
        Ok(seen)
    }

    fn with<C: Cell>(value: C::Value, found: Found) -> C {
        C::with(value, found)
    }

    fn exchange<C: Cell>(cell: &C, other: &mut C, go: bool) -> Result<(), Held> {
        cell.exchange(other, now(), &mut || go)
    }

    fn holds<C: Cell<Value: Clone + PartialEq + Debug>>(value: C::Value) {
        let cell = C::with(value.clone(), Found::Sound);
        assert_eq!(seen(&cell), Ok(Some((value, Found::Sound))));
    }

    #[test]
    fn every_kind_holds_what_it_is_given() {
        holds::<Mutex<u8>>(1);
        holds::<RwLock<String>>("text".into());
        holds::<OnceLock<u8>>(2);
        holds::<LazyLock<Vec<u8>>>(vec![3]);
        holds::<tokio::sync::Mutex<u8>>(4);
        holds::<tokio::sync::RwLock<u8>>(5);
        holds::<tokio::sync::OnceCell<u8>>(6);
        assert_eq!(seen(&OnceLock::<u8>::new()), Ok(None));
        let untouched: LazyLock<u8> = LazyLock::new(|| panic!("looking at it does not make it"));
        assert_eq!(seen(&untouched), Ok(None));
    }

    #[test]
    fn poison_goes_with_the_value_and_a_new_value_ends_it() {
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
    fn a_lock_that_somebody_holds_is_given_up() {
        let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
        let asynchronous = tokio::sync::Mutex::new(1);
        let (_one, _two, _three) = (mutex.lock(), lock.write(), asynchronous.try_lock());
        assert_eq!(seen(&mutex), Err(Held));
        assert_eq!(seen(&lock), Err(Held));
        assert_eq!(seen(&asynchronous), Err(Held));
        let mut other = Mutex::new(2);
        assert_eq!(exchange(&mutex, &mut other, true), Err(Held));
    }
}
