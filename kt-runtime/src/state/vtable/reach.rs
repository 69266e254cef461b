//! Reaches the inner value of a state's type through nested cells, as in
//! `LazyLock<Arc<RwLock<V>>>`.

use std::{marker::PhantomData, time::Instant};

use crate::state::cell::{Cell, Found, LockTimeout};

/// The result of reaching for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    Seen,
    /// The outermost cell has no value.
    Empty,
    /// The outermost cell has a value, which is a cell without one.
    Hollow,
}

/// A path from a `T` to a value in it.
pub trait Reach<T> {
    type Value;

    /// Passes the value to `see`, if there is one. Waits for each lock until the deadline.
    fn look(
        from: &T,
        until: Instant,
        see: &mut dyn FnMut(&Self::Value, Found),
    ) -> Result<Looked, LockTimeout>;

    /// Creates a `T` with this value.
    fn with(value: Self::Value, found: Found) -> T;

    /// Creates a `T` whose innermost cell is empty. `None` if such a cell cannot be empty.
    fn hollow() -> Option<T>;
}

/// The `T` itself.
pub(super) struct Here;

/// The content of a cell, and from there on `R`.
pub(super) struct Inside<L, R>(PhantomData<(L, R)>);

impl<T> Reach<T> for Here {
    type Value = T;

    fn look(from: &T, _: Instant, see: &mut dyn FnMut(&T, Found)) -> Result<Looked, LockTimeout> {
        see(from, Found::Sound);
        Ok(Looked::Seen)
    }

    fn with(value: T, _: Found) -> T {
        value
    }

    fn hollow() -> Option<T> {
        None
    }
}

impl<L, T: Cell<L>, R: Reach<T::Value>> Reach<T> for Inside<L, R> {
    type Value = R::Value;

    fn look(
        from: &T,
        until: Instant,
        see: &mut dyn FnMut(&R::Value, Found),
    ) -> Result<Looked, LockTimeout> {
        let mut inside = None;
        from.look(until, &mut |value, outer| {
            inside = Some(R::look(value, until, &mut |value, inner| {
                let poisoned = [outer, inner].contains(&Found::Poisoned);
                see(
                    value,
                    if poisoned {
                        Found::Poisoned
                    } else {
                        Found::Sound
                    },
                );
            }));
        })?;
        Ok(match inside.transpose()? {
            None => Looked::Empty,
            Some(Looked::Seen) => Looked::Seen,
            Some(Looked::Empty | Looked::Hollow) => Looked::Hollow,
        })
    }

    fn with(value: R::Value, found: Found) -> T {
        T::with(R::with(value, found), found)
    }

    fn hollow() -> Option<T> {
        match R::hollow() {
            Some(inside) => Some(T::with(inside, Found::Sound)),
            None => T::empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock, Mutex, OnceLock};

    use super::*;

    type Two = Inside<(), Inside<(), Here>>;

    fn found<T, R: Reach<T, Value: Clone>>(
        cell: &T,
    ) -> Result<(Looked, Option<R::Value>), LockTimeout> {
        let mut seen = None;
        let looked = R::look(cell, Instant::now(), &mut |value, _| {
            seen = Some(value.clone());
        });
        looked.map(|looked| (looked, seen))
    }

    #[test]
    fn an_empty_cell_differs_from_an_empty_cell_in_a_cell() {
        type Nested = LazyLock<OnceLock<u8>>;
        let nothing: Nested = LazyLock::new(OnceLock::new);
        assert_eq!(found::<_, Two>(&nothing), Ok((Looked::Empty, None)));
        LazyLock::force(&nothing);
        assert_eq!(found::<_, Two>(&nothing), Ok((Looked::Hollow, None)));
        let hollow: Nested = Two::hollow().expect("a `OnceLock` can be empty");
        assert_eq!(found::<_, Two>(&hollow), Ok((Looked::Hollow, None)));
        let full: Nested = Two::with(5, Found::Sound);
        assert_eq!(found::<_, Two>(&full), Ok((Looked::Seen, Some(5))));
    }

    #[test]
    fn poison_and_held_inner_locks_are_reported() {
        type Nested = Arc<Mutex<u8>>;
        let poisoned: Nested = Two::with(1, Found::Poisoned);
        assert!(poisoned.is_poisoned());
        let sound: Nested = Two::with(1, Found::Sound);
        let _held = sound.lock().expect("it is sound");
        assert_eq!(found::<_, Two>(&sound), Err(LockTimeout));
    }
}
