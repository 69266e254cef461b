//! Encodings of the value in a state's innermost cell.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap as _, SerializeSeq as _},
};

use crate::codec::format::{Decoder, Encoder, FormatError};

/// An encoding of a `T`.
pub trait Leaf<T> {
    fn put(value: &T, to: &mut Encoder<'_>) -> Result<(), FormatError>;
    fn take(from: &mut Decoder<'_>) -> Result<T, FormatError>;
}

/// Uses the type's own serde implementation.
pub(super) struct Serde;

impl<T: Serialize + DeserializeOwned> Leaf<T> for Serde {
    fn put(value: &T, to: &mut Encoder<'_>) -> Result<(), FormatError> {
        to.put(value)
    }

    fn take(from: &mut Decoder<'_>) -> Result<T, FormatError> {
        from.take()
    }
}

/// A concurrent map or set. `L` is a local type of the crate that implements this for a foreign
/// type.
pub trait Entries<L>: Sized + 'static {
    type Key;
    /// `()` for a set.
    type Value;
    /// Whether it is a map, encoded like serde's maps, or a set, encoded like serde's sequences.
    const MAP: bool;

    fn new() -> Self;
    fn add(&self, key: Self::Key, value: Self::Value);
    fn each(&self, see: &mut dyn FnMut(&Self::Key, &Self::Value));
}

/// Encodes entry by entry, like the type's own serde implementation.
pub(super) struct Listed<L>(PhantomData<L>);

impl<L, T> Leaf<T> for Listed<L>
where
    T: Entries<L, Key: Serialize + DeserializeOwned, Value: Serialize + DeserializeOwned>,
{
    fn put(value: &T, to: &mut Encoder<'_>) -> Result<(), FormatError> {
        to.put(&Borrowed::<T, L>(value, PhantomData))
    }

    fn take(from: &mut Decoder<'_>) -> Result<T, FormatError> {
        let Owned::<T, L>(value, _) = from.take()?;
        Ok(value)
    }
}

struct Borrowed<'a, T, L>(&'a T, PhantomData<L>);

impl<L, T: Entries<L, Key: Serialize, Value: Serialize>> Serialize for Borrowed<'_, T, L> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut done = Ok(());
        // `each` cannot be stopped: after an error it encodes nothing more.
        if T::MAP {
            let mut map = to.serialize_map(None)?;
            self.0.each(&mut |key, value| {
                if done.is_ok() {
                    done = map.serialize_entry(key, value);
                }
            });
            done?;
            map.end()
        } else {
            let mut set = to.serialize_seq(None)?;
            self.0.each(&mut |key, _| {
                if done.is_ok() {
                    done = set.serialize_element(key);
                }
            });
            done?;
            set.end()
        }
    }
}

struct Owned<T, L>(T, PhantomData<L>);

impl<'de, L, T> Deserialize<'de> for Owned<T, L>
where
    T: Entries<L, Key: Deserialize<'de>, Value: Deserialize<'de>>,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let visitor = Fill(PhantomData);
        let value = if T::MAP {
            from.deserialize_map(visitor)?
        } else {
            from.deserialize_seq(visitor)?
        };
        Ok(Self(value, PhantomData))
    }
}

struct Fill<T, L>(PhantomData<(T, L)>);

impl<'de, L, T> Visitor<'de> for Fill<T, L>
where
    T: Entries<L, Key: Deserialize<'de>, Value: Deserialize<'de>>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if T::MAP { "a map" } else { "a set" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let entries = T::new();
        while let Some((key, value)) = map.next_entry()? {
            entries.add(key, value);
        }
        Ok(entries)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let entries = T::new();
        while let Some(key) = seq.next_element()? {
            // A set's value takes no bytes: deserialize `()` from a unit.
            let nothing = T::Value::deserialize(serde::de::value::UnitDeserializer::new())?;
            entries.add(key, nothing);
        }
        Ok(entries)
    }
}
