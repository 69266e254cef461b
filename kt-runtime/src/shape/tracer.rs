//! A `Deserializer` that has no data: it makes values up and writes down what it was asked for.

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

/// Deeper than any type but one that has no finite value.
const DEPTH: usize = 128;

/// How far one enum is explored.
#[derive(Default)]
pub(super) struct Variants {
    count: usize,
    begun: usize,
    /// How often the enum came by after that.
    again: usize,
}

impl Variants {
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    pub(super) fn complete(&self) -> bool {
        self.begun == self.count
    }
}

pub(super) struct Tracer<'a> {
    log: &'a mut DefaultHasher,
    enums: &'a mut HashMap<&'static str, Variants>,
    /// Containers that are being made: inside one, the next of its kind is empty.
    open: HashSet<&'static str>,
    depth: usize,
}

impl<'a> Tracer<'a> {
    pub(super) fn new(
        log: &'a mut DefaultHasher,
        enums: &'a mut HashMap<&'static str, Variants>,
    ) -> Self {
        Self {
            log,
            enums,
            open: HashSet::new(),
            depth: 0,
        }
    }

    fn deeper(&mut self) -> Result<Tracer<'_>, Refused> {
        let depth = self.depth + 1;
        if depth > DEPTH {
            return Err(Refused);
        }
        Ok(Tracer {
            log: self.log,
            enums: self.enums,
            open: self.open.clone(),
            depth,
        })
    }
}

/// The type did not accept a made-up value.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a made-up value was refused")
    }
}

impl std::error::Error for Refused {}

impl Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A leaf: its name is written down and some value given.
macro_rules! leaf {
    ($($method:ident => $visit:ident($($value:expr)?);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            stringify!($method).hash(self.log);
            visitor.$visit($($value)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Refused;

    // One rather than zero: NonZero types take it too.
    leaf! {
        deserialize_bool => visit_bool(false);
        deserialize_i8 => visit_i8(1);
        deserialize_i16 => visit_i16(1);
        deserialize_i32 => visit_i32(1);
        deserialize_i64 => visit_i64(1);
        deserialize_i128 => visit_i128(1);
        deserialize_u8 => visit_u8(1);
        deserialize_u16 => visit_u16(1);
        deserialize_u32 => visit_u32(1);
        deserialize_u64 => visit_u64(1);
        deserialize_u128 => visit_u128(1);
        deserialize_f32 => visit_f32(1.0);
        deserialize_f64 => visit_f64(1.0);
        deserialize_char => visit_char('1');
        deserialize_str => visit_str("1");
        deserialize_string => visit_str("1");
        deserialize_bytes => visit_bytes(&[]);
        deserialize_byte_buf => visit_bytes(&[]);
        deserialize_unit => visit_unit();
    }

    /// The codec cannot do it either: it must be told what comes.
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
        "option".hash(self.log);
        if !self.open.insert(type_name::<V::Value>()) {
            return visitor.visit_none();
        }
        visitor.visit_some(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        "seq".hash(self.log);
        let left = usize::from(self.open.insert(type_name::<V::Value>()));
        visitor.visit_seq(Items { tracer: self, left })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        "map".hash(self.log);
        let left = usize::from(self.open.insert(type_name::<V::Value>()));
        visitor.visit_map(Items { tracer: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        ("tuple", len).hash(self.log);
        visitor.visit_seq(Items {
            tracer: self,
            left: len,
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        ("unit", name).hash(self.log);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        ("newtype", name).hash(self.log);
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        name.hash(self.log);
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        (name, fields).hash(self.log);
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        (name, variants).hash(self.log);
        let key = type_name::<V::Value>();
        let known = self.enums.entry(key).or_insert_with(|| Variants {
            count: variants.len(),
            ..Variants::default()
        });
        // Once all have begun they take turns: another enum may lie in any of them, and one of them must have an end.
        let index = if known.complete() {
            known.again += 1;
            known.again.checked_rem(known.count).ok_or(Refused)?
        } else {
            known.begun += 1;
            known.begun - 1
        };
        ("variant", index).hash(self.log);
        visitor.visit_enum(Variant {
            tracer: self.deeper()?,
            index,
        })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Items<'a> {
    tracer: Tracer<'a>,
    left: usize,
}

impl Items<'_> {
    fn next<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.tracer.deeper()?)
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.next(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
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
    index: usize,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refused;
    type Variant = Tracer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Tracer<'a>), Refused> {
        let index = u32::try_from(self.index).map_err(|_| Refused)?;
        let index: U32Deserializer<Refused> = index.into_deserializer();
        Ok((seed.deserialize(index)?, self.tracer))
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        "unit".hash(self.log);
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        "newtype".hash(self.log);
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        fields.hash(self.log);
        self.deserialize_tuple(fields.len(), visitor)
    }
}
