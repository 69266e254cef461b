//! A `Deserializer` without data: it invents values and records the requests.

use std::{
    any::type_name,
    collections::{HashMap, HashSet},
    fmt,
    hash::{DefaultHasher, Hash},
};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::U32Deserializer,
    },
};

use crate::codec::graph::{Builder, Form, Id, Key, Kind, Leaf, Slot};

/// Only types without a finite value are deeper.
const DEPTH: usize = 128;

/// How far one enum has been explored.
#[derive(Default)]
pub(super) struct Variants {
    count: usize,
    begun: usize,
    /// How often the enum was requested after all variants had begun.
    repeats: usize,
}

impl Variants {
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn complete(&self) -> bool {
        self.begun == self.count
    }
}

/// Which values are invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// One of each.
    First,
    /// Different values, and two elements per collection.
    Second,
    /// Empty collections and options.
    Empty,
}

impl Values {
    fn length(self) -> usize {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Empty => 0,
        }
    }
}

/// Findings of all passes.
pub(super) struct Found<'a> {
    pub(super) log: &'a mut DefaultHasher,
    pub(super) enums: &'a mut HashMap<&'static str, Variants>,
    pub(super) graph: &'a mut Builder,
    /// Remaining number of requests.
    pub(super) left: &'a mut usize,
}

impl Found<'_> {
    fn reborrow(&mut self) -> Found<'_> {
        Found {
            log: self.log,
            enums: self.enums,
            graph: self.graph,
            left: self.left,
        }
    }
}

pub(super) struct Tracer<'a> {
    found: Found<'a>,
    values: Values,
    /// The position of the requested value.
    slot: Slot,
    /// Containers under construction: a nested container of the same type is empty.
    open: HashSet<&'static str>,
    depth: usize,
}

impl<'a> Tracer<'a> {
    pub(super) fn new(found: Found<'a>, values: Values) -> Self {
        Self {
            found,
            values,
            slot: Slot::Root,
            open: HashSet::new(),
            depth: 0,
        }
    }

    fn deeper(&mut self, slot: Slot) -> Result<Tracer<'_>, Refused> {
        let depth = self.depth + 1;
        if depth > DEPTH {
            return Err(Refused);
        }
        Ok(Tracer {
            found: self.found.reborrow(),
            values: self.values,
            slot,
            open: self.open.clone(),
            depth,
        })
    }

    fn ask<V>(&mut self, kind: Kind, names: &'static [&'static str]) -> Result<Id, Refused> {
        *self.found.left = self.found.left.checked_sub(1).ok_or(Refused)?;
        let id = self.found.graph.ask(self.slot, Key::new::<V>(kind, names));
        Ok(id)
    }

    /// A fixed number of parts.
    fn parts<'de, V: Visitor<'de>>(
        mut self,
        len: usize,
        slot: impl Fn(u32) -> Slot,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut index = 0;
        let value = visitor.visit_seq(Items {
            tracer: &mut self,
            next: &mut index,
            len,
            slot,
        })?;
        if index < len {
            // It reads fewer parts than it names: the types of the others are unknown.
            self.found.graph.contradict();
        }
        Ok(value)
    }
}

/// The type rejected an invented value.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an invented value was rejected")
    }
}

impl std::error::Error for Refused {}

impl Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A leaf: records its name and provides some value.
macro_rules! leaf {
    ($($method:ident => $leaf:ident $visit:ident($first:expr, $second:expr);)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            stringify!($method).hash(self.found.log);
            self.ask::<V>(Kind::Leaf(Leaf::$leaf), &[])?;
            visitor.$visit(if self.values == Values::Second { $second } else { $first })
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Refused;

    // One rather than zero, so that NonZero types accept it.
    leaf! {
        deserialize_bool => Bool visit_bool(false, true);
        deserialize_i8 => I8 visit_i8(1, 2);
        deserialize_i16 => I16 visit_i16(1, 2);
        deserialize_i32 => I32 visit_i32(1, 2);
        deserialize_i64 => I64 visit_i64(1, 2);
        deserialize_i128 => I128 visit_i128(1, 2);
        deserialize_u8 => U8 visit_u8(1, 2);
        deserialize_u16 => U16 visit_u16(1, 2);
        deserialize_u32 => U32 visit_u32(1, 2);
        deserialize_u64 => U64 visit_u64(1, 2);
        deserialize_u128 => U128 visit_u128(1, 2);
        deserialize_f32 => F32 visit_f32(1.0, 2.0);
        deserialize_f64 => F64 visit_f64(1.0, 2.0);
        deserialize_char => Char visit_char('1', '2');
        deserialize_str => Str visit_str("1", "2");
        deserialize_string => Str visit_str("1", "2");
        deserialize_bytes => Bytes visit_bytes(&[], &[2]);
        deserialize_byte_buf => Bytes visit_bytes(&[], &[2]);
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        "deserialize_unit".hash(self.found.log);
        self.ask::<V>(Kind::Leaf(Leaf::Unit), &[])?;
        visitor.visit_unit()
    }

    /// bincode does not support it either: it must know the type in advance.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        "option".hash(self.found.log);
        let id = self.ask::<V>(Kind::Option, &[])?;
        if !self.open.insert(type_name::<V::Value>()) || self.values == Values::Empty {
            return visitor.visit_none();
        }
        visitor.visit_some(self.deeper(Slot::Part(id, 0))?)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        "seq".hash(self.found.log);
        let id = self.ask::<V>(Kind::Seq, &[])?;
        let fresh = self.open.insert(type_name::<V::Value>());
        visitor.visit_seq(Items {
            len: if fresh { self.values.length() } else { 0 },
            tracer: &mut self,
            next: &mut 0,
            slot: |_| Slot::Part(id, 0),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        "map".hash(self.found.log);
        let id = self.ask::<V>(Kind::Map, &[])?;
        let fresh = self.open.insert(type_name::<V::Value>());
        visitor.visit_map(Items {
            len: if fresh { 2 * self.values.length() } else { 0 },
            tracer: &mut self,
            next: &mut 0,
            slot: |index| Slot::Part(id, index % 2),
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        ("tuple", len).hash(self.found.log);
        let id = self.ask::<V>(Kind::Tuple(len), &[])?;
        self.parts(len, |index| Slot::Part(id, index), visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        ("unit", name).hash(self.found.log);
        self.ask::<V>(Kind::Leaf(Leaf::Unit), &[])?;
        visitor.visit_unit()
    }

    /// The content has the same bytes, so it gets the same position.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        ("newtype", name).hash(self.found.log);
        let slot = self.slot;
        visitor.visit_newtype_struct(self.deeper(slot)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        name.hash(self.found.log);
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        (name, fields, "tuple", fields.len()).hash(self.found.log);
        let id = self.ask::<V>(Kind::Struct, fields)?;
        self.parts(fields.len(), |index| Slot::Part(id, index), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        (name, variants).hash(self.found.log);
        let id = self.ask::<V>(Kind::Enum, variants)?;
        let key = type_name::<V::Value>();
        let known = self.found.enums.entry(key).or_insert_with(|| Variants {
            count: variants.len(),
            ..Variants::default()
        });
        // Once all variants have begun they take turns: another enum may be inside any of them, and
        // one of them must terminate.
        let index = if known.complete() {
            known.repeats += 1;
            known.repeats.checked_rem(known.count).ok_or(Refused)?
        } else {
            known.begun += 1;
            known.begun - 1
        };
        ("variant", index).hash(self.found.log);
        let index = u32::try_from(index).map_err(|_| Refused)?;
        let slot = self.slot;
        visitor.visit_enum(Variant {
            tracer: self.deeper(slot)?,
            id,
            index,
        })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Items<'t, 'a, S> {
    tracer: &'t mut Tracer<'a>,
    next: &'t mut usize,
    len: usize,
    slot: S,
}

impl<S: Fn(u32) -> Slot> Items<'_, '_, S> {
    fn next<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let index = u32::try_from(*self.next).map_err(|_| Refused)?;
        *self.next += 1;
        seed.deserialize(self.tracer.deeper((self.slot)(index))?)
    }
}

impl<'de, S: Fn(u32) -> Slot> SeqAccess<'de> for Items<'_, '_, S> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if *self.next >= self.len {
            return Ok(None);
        }
        self.next(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - *self.next)
    }
}

impl<'de, S: Fn(u32) -> Slot> MapAccess<'de> for Items<'_, '_, S> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.next(seed)
    }
}

struct Variant<'a> {
    tracer: Tracer<'a>,
    id: Id,
    index: u32,
}

impl Variant<'_> {
    fn has(&mut self, form: Form) {
        self.tracer.found.graph.variant(self.id, self.index, form);
    }

    fn parts<'de, V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        let (id, variant) = (self.id, self.index);
        ("tuple", len).hash(self.tracer.found.log);
        self.tracer
            .parts(len, |index| Slot::Variant(id, variant, index), visitor)
    }
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let index: U32Deserializer<Refused> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Refused;

    fn unit_variant(mut self) -> Result<(), Refused> {
        "unit".hash(self.tracer.found.log);
        self.has(Form::Unit);
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, Refused> {
        "newtype".hash(self.tracer.found.log);
        self.has(Form::Newtype);
        let slot = Slot::Variant(self.id, self.index, 0);
        seed.deserialize(self.tracer.deeper(slot)?)
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.has(Form::Tuple(len));
        self.parts(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        fields.hash(self.tracer.found.log);
        self.has(Form::Struct(fields));
        self.parts(fields.len(), visitor)
    }
}
