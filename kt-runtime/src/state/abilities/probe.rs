//! Which abilities a type has, asked of the compiler by method resolution: nothing else decides over a type's traits on
//! stable Rust without a word of the type's author.

use std::{fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Abilities, Codec, again,
    codec::codec,
    debug, exchange, is_empty,
    leaf::{Entries, Listed, Serde},
    reach::{Here, Inside},
};
use crate::state::cell::Cell;

/// `(&&&&&&&&&&&Probe::<T, L>::new()).abilities()`, in code where `T` is a type and no parameter, takes the first of the
/// traits below that the type allows. `L` is a type of the user's crate, for which that implements [`Cell`] and [`Entries`]
/// where the types are another crate's.
pub struct Probe<T, L = ()>(PhantomData<(T, L)>);

impl<T, L> Probe<T, L> {
    #[expect(clippy::new_without_default, reason = "named by the macro only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, L> fmt::Debug for Probe<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

type In<L, R = Here> = Inside<L, R>;

fn of_value<T: 'static>(codec: Option<Codec>) -> Abilities {
    Abilities {
        codec,
        debug: None,
        exchange: None,
        is_empty: |_| false,
        drops: std::mem::needs_drop::<T>(),
        again: again::<T>,
    }
}

fn of_cell<L, T: Cell<L>>(codec: Option<Codec>) -> Abilities {
    Abilities {
        exchange: T::REPLACEABLE.then_some(exchange::<L, T>),
        is_empty: is_empty::<L, T>,
        ..of_value::<T>(codec)
    }
}

/// A cell around a value with serde.
pub trait AsCell {
    fn abilities(&self) -> Abilities;
}

impl<L, T> AsCell for &&&&&&&&&&Probe<T, L>
where
    T: Cell<L, Value: Serialize + DeserializeOwned>,
{
    fn abilities(&self) -> Abilities {
        of_cell::<L, T>(Some(codec::<T, In<L>, Serde>()))
    }
}

/// A type with serde of its own: an atomic, or a struct with its own way to be changed.
pub trait AsValue {
    fn abilities(&self) -> Abilities;
}

impl<L, T: Serialize + DeserializeOwned + 'static> AsValue for &&&&&&&&&Probe<T, L> {
    fn abilities(&self) -> Abilities {
        of_value::<T>(Some(codec::<T, Here, Serde>()))
    }
}

/// A map or set of another crate, around what has serde.
pub trait AsEntries {
    fn abilities(&self) -> Abilities;
}

impl<L, T> AsEntries for &&&&&&&&Probe<T, L>
where
    T: Entries<L, Key: Serialize + DeserializeOwned, Value: Serialize + DeserializeOwned>,
{
    fn abilities(&self) -> Abilities {
        of_value::<T>(Some(codec::<T, Here, Listed<L>>()))
    }
}

/// A cell in a cell, around a value with serde.
pub trait AsCellInCell {
    fn abilities(&self) -> Abilities;
}

impl<L, T> AsCellInCell for &&&&&&&Probe<T, L>
where
    T: Cell<L, Value: Cell<L, Value: Serialize + DeserializeOwned>>,
{
    fn abilities(&self) -> Abilities {
        of_cell::<L, T>(Some(codec::<T, In<L, In<L>>, Serde>()))
    }
}

/// Such a map in a cell.
pub trait AsEntriesInCell {
    fn abilities(&self) -> Abilities;
}

impl<L, T> AsEntriesInCell for &&&&&&Probe<T, L>
where
    T: Cell<
            L,
            Value: Entries<
                L,
                Key: Serialize + DeserializeOwned,
                Value: Serialize + DeserializeOwned,
            >,
        >,
{
    fn abilities(&self) -> Abilities {
        of_cell::<L, T>(Some(codec::<T, In<L>, Listed<L>>()))
    }
}

/// Three cells around a value with serde: `LazyLock<Arc<RwLock<…>>>`.
pub trait AsThreeCells {
    fn abilities(&self) -> Abilities;
}

impl<L, T> AsThreeCells for &&&&&Probe<T, L>
where
    T: Cell<L, Value: Cell<L, Value: Cell<L, Value: Serialize + DeserializeOwned>>>,
{
    fn abilities(&self) -> Abilities {
        of_cell::<L, T>(Some(codec::<T, In<L, In<L, In<L>>>, Serde>()))
    }
}

/// Such a map in two cells: `LazyLock<Arc<…>>`.
pub trait AsEntriesInTwoCells {
    fn abilities(&self) -> Abilities;
}

impl<L, T> AsEntriesInTwoCells for &&&&Probe<T, L>
where
    T: Cell<
            L,
            Value: Cell<
                L,
                Value: Entries<
                    L,
                    Key: Serialize + DeserializeOwned,
                    Value: Serialize + DeserializeOwned,
                >,
            >,
        >,
{
    fn abilities(&self) -> Abilities {
        of_cell::<L, T>(Some(codec::<T, In<L, In<L>>, Listed<L>>()))
    }
}

/// A cell around something else that can be shown.
pub trait AsShownCell {
    fn abilities(&self) -> Abilities;
}

impl<L, T: Cell<L> + fmt::Debug> AsShownCell for &&&Probe<T, L> {
    fn abilities(&self) -> Abilities {
        Abilities {
            debug: Some(debug::<T>),
            ..of_cell::<L, T>(None)
        }
    }
}

/// A cell around anything: it can be emptied.
pub trait AsAnyCell {
    fn abilities(&self) -> Abilities;
}

impl<L, T: Cell<L>> AsAnyCell for &&Probe<T, L> {
    fn abilities(&self) -> Abilities {
        of_cell::<L, T>(None)
    }
}

/// Something that can be shown.
pub trait AsShown {
    fn abilities(&self) -> Abilities;
}

impl<L, T: fmt::Debug + 'static> AsShown for &Probe<T, L> {
    fn abilities(&self) -> Abilities {
        Abilities {
            debug: Some(debug::<T>),
            ..of_value::<T>(None)
        }
    }
}

pub trait AsAnything {
    fn abilities(&self) -> Abilities;
}

impl<L, T: 'static> AsAnything for Probe<T, L> {
    fn abilities(&self) -> Abilities {
        of_value::<T>(None)
    }
}
