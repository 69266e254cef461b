//! Finds the operations that a type supports by method resolution (autoref specialization). Stable
//! Rust has no other way to branch on a type's traits without the type's cooperation.

use std::{fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Codec, StateVTable, clone_initial,
    codec::codec,
    debug, exchange, is_empty,
    leaf::{Entries, Listed, Serde},
    reach::{Here, Inside},
};
use crate::state::cell::Cell;

/// `(&&&&&&&&&&&Probe::<T, L>::new()).vtable()` selects the first of the traits below that `T`
/// satisfies. `T` must be a concrete type, not a type parameter. `L` is a type of the user's crate,
/// which implements [`Cell`] and [`Entries`] with it for foreign types.
pub struct Probe<T, L = ()>(PhantomData<(T, L)>);

impl<T, L> Probe<T, L> {
    #[expect(clippy::new_without_default, reason = "used by the macro only")]
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

fn of_value<T: 'static>(codec: Option<Codec>) -> StateVTable {
    StateVTable {
        codec,
        debug: None,
        exchange: None,
        is_empty: |_| false,
        drops: std::mem::needs_drop::<T>(),
        clone_initial: clone_initial::<T>,
    }
}

fn of_cell<L, T: Cell<L>>(codec: Option<Codec>) -> StateVTable {
    StateVTable {
        exchange: T::REPLACEABLE.then_some(exchange::<L, T>),
        is_empty: is_empty::<L, T>,
        ..of_value::<T>(codec)
    }
}

/// A cell that contains a value with serde.
pub trait SpecializeCell {
    fn vtable(&self) -> StateVTable;
}

impl<L, T> SpecializeCell for &&&&&&&&&&Probe<T, L>
where
    T: Cell<L, Value: Serialize + DeserializeOwned>,
{
    fn vtable(&self) -> StateVTable {
        of_cell::<L, T>(Some(codec::<T, In<L>, Serde>()))
    }
}

/// A type with serde: an atomic, or a struct with its own interior mutability.
pub trait SpecializeValue {
    fn vtable(&self) -> StateVTable;
}

impl<L, T: Serialize + DeserializeOwned + 'static> SpecializeValue for &&&&&&&&&Probe<T, L> {
    fn vtable(&self) -> StateVTable {
        of_value::<T>(Some(codec::<T, Here, Serde>()))
    }
}

/// A foreign map or set of types with serde.
pub trait SpecializeEntries {
    fn vtable(&self) -> StateVTable;
}

impl<L, T> SpecializeEntries for &&&&&&&&Probe<T, L>
where
    T: Entries<L, Key: Serialize + DeserializeOwned, Value: Serialize + DeserializeOwned>,
{
    fn vtable(&self) -> StateVTable {
        of_value::<T>(Some(codec::<T, Here, Listed<L>>()))
    }
}

/// A cell in a cell, around a value with serde.
pub trait SpecializeCellInCell {
    fn vtable(&self) -> StateVTable;
}

impl<L, T> SpecializeCellInCell for &&&&&&&Probe<T, L>
where
    T: Cell<L, Value: Cell<L, Value: Serialize + DeserializeOwned>>,
{
    fn vtable(&self) -> StateVTable {
        of_cell::<L, T>(Some(codec::<T, In<L, In<L>>, Serde>()))
    }
}

/// Such a map or set in a cell.
pub trait SpecializeEntriesInCell {
    fn vtable(&self) -> StateVTable;
}

impl<L, T> SpecializeEntriesInCell for &&&&&&Probe<T, L>
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
    fn vtable(&self) -> StateVTable {
        of_cell::<L, T>(Some(codec::<T, In<L>, Listed<L>>()))
    }
}

/// Three nested cells around a value with serde: `LazyLock<Arc<RwLock<…>>>`.
pub trait SpecializeThreeCells {
    fn vtable(&self) -> StateVTable;
}

impl<L, T> SpecializeThreeCells for &&&&&Probe<T, L>
where
    T: Cell<L, Value: Cell<L, Value: Cell<L, Value: Serialize + DeserializeOwned>>>,
{
    fn vtable(&self) -> StateVTable {
        of_cell::<L, T>(Some(codec::<T, In<L, In<L, In<L>>>, Serde>()))
    }
}

/// Such a map or set in two cells: `LazyLock<Arc<…>>`.
pub trait SpecializeEntriesInTwoCells {
    fn vtable(&self) -> StateVTable;
}

impl<L, T> SpecializeEntriesInTwoCells for &&&&Probe<T, L>
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
    fn vtable(&self) -> StateVTable {
        of_cell::<L, T>(Some(codec::<T, In<L, In<L>>, Listed<L>>()))
    }
}

/// A cell that implements `Debug`.
pub trait SpecializeDebugCell {
    fn vtable(&self) -> StateVTable;
}

impl<L, T: Cell<L> + fmt::Debug> SpecializeDebugCell for &&&Probe<T, L> {
    fn vtable(&self) -> StateVTable {
        StateVTable {
            debug: Some(debug::<T>),
            ..of_cell::<L, T>(None)
        }
    }
}

/// Any other cell: its value can be exchanged.
pub trait SpecializeAnyCell {
    fn vtable(&self) -> StateVTable;
}

impl<L, T: Cell<L>> SpecializeAnyCell for &&Probe<T, L> {
    fn vtable(&self) -> StateVTable {
        of_cell::<L, T>(None)
    }
}

/// A type that implements `Debug`.
pub trait SpecializeDebug {
    fn vtable(&self) -> StateVTable;
}

impl<L, T: fmt::Debug + 'static> SpecializeDebug for &Probe<T, L> {
    fn vtable(&self) -> StateVTable {
        StateVTable {
            debug: Some(debug::<T>),
            ..of_value::<T>(None)
        }
    }
}

pub trait SpecializeAny {
    fn vtable(&self) -> StateVTable;
}

impl<L, T: 'static> SpecializeAny for Probe<T, L> {
    fn vtable(&self) -> StateVTable {
        of_value::<T>(None)
    }
}
