//! From bincode to values.

use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor, value::U32Deserializer,
};

use super::{EMPTY, U16, U32, U64, U128};
use crate::codec::{
    error::Fail,
    thread::{DEPTH, Stack},
};

/// Decodes values one behind the other.
#[derive(Debug)]
pub(in crate::codec) struct Reader<'a> {
    rest: &'a [u8],
    stack: Stack,
    depth: usize,
    /// Elements of sequences, and keys of maps, that took no bytes.
    empty: usize,
}

impl<'a> Reader<'a> {
    pub(in crate::codec) fn new(rest: &'a [u8], stack: Stack) -> Self {
        Self {
            rest,
            stack,
            depth: 0,
            empty: 0,
        }
    }

    pub(in crate::codec) fn left(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fail> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(short(len, self.rest.len()));
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fail> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(short(N, self.rest.len()));
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// A number of at most `most` bytes.
    fn wide(&mut self, most: usize) -> Result<u128, Fail> {
        let [first] = self.fixed()?;
        let (bytes, value) = match first {
            0..U16 => return Ok(first.into()),
            U16 => (2, u16::from_le_bytes(self.fixed()?).into()),
            U32 => (4, u32::from_le_bytes(self.fixed()?).into()),
            U64 => (8, u64::from_le_bytes(self.fixed()?).into()),
            U128 => (16, u128::from_le_bytes(self.fixed()?)),
            _ => return Err(Fail::new("its encoding has a number of no known width")),
        };
        if bytes > most {
            return Err(Fail::new("its encoding has a number of too many bits"));
        }
        Ok(value)
    }

    fn number(&mut self, most: usize) -> Result<u64, Fail> {
        // Within its width.
        self.wide(most).map(|value| value as u64)
    }

    fn signed(&mut self, most: usize) -> Result<i64, Fail> {
        let value = self.number(most)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A length. What it counts is still to be looked for.
    fn length(&mut self) -> Result<usize, Fail> {
        usize::try_from(self.number(8)?)
            .map_err(|_| Fail::new("its encoding has a length of too many bits"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Fail> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, Fail> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| Fail::new("its encoding has a text that is not UTF-8"))
    }

    fn character(&mut self) -> Result<char, Fail> {
        let first = *self.rest.first().ok_or_else(|| short(1, 0))?;
        // RFC 3629, section 3: the first byte gives their number.
        let length = match first {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        let text = std::str::from_utf8(self.take(length)?).ok();
        text.and_then(|text| text.chars().next())
            .ok_or_else(|| Fail::new("its encoding has no such character"))
    }

    /// A byte that is zero or one.
    fn flag(&mut self, of: &str) -> Result<bool, Fail> {
        match self.fixed()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Fail::new(format_args!("its encoding has {other} as {of}"))),
        }
    }

    fn enter(&mut self) -> Result<(), Fail> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fail::new(format_args!(
                "it is nested more than {DEPTH} levels deep"
            )));
        }
        Ok(self.stack.check()?)
    }

    fn parts<'de, V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Fail> {
        self.enter()?;
        let value = visitor.visit_seq(Parts { reader: self, left })?;
        self.depth -= 1;
        Ok(value)
    }
}

#[cold]
fn short(wanted: usize, left: usize) -> Fail {
    Fail::new(format_args!(
        "its encoding ends early: {wanted} bytes are wanted and {left} are left"
    ))
}

#[cold]
fn unsupported<T>() -> Result<T, Fail> {
    Err(Fail::new(
        "its `Deserialize` requests any type, but this encoding does not record types",
    ))
}

macro_rules! leaves {
    ($($method:ident $visit:ident($self:ident $value:expr);)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>($self, visitor: V) -> Result<V::Value, Fail> {
            visitor.$visit($value)
        })*
    };
}

macro_rules! unsupported {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fail> {
            unsupported()
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'_> {
    type Error = Fail;

    // The values that these casts cut off are refused before, by their width.
    leaves! {
        deserialize_bool visit_bool(self self.flag("a boolean")?);
        deserialize_i8 visit_i8(self i8::from_le_bytes(self.fixed()?));
        deserialize_i16 visit_i16(self self.signed(2)? as i16);
        deserialize_i32 visit_i32(self self.signed(4)? as i32);
        deserialize_i64 visit_i64(self self.signed(8)?);
        deserialize_u8 visit_u8(self u8::from_le_bytes(self.fixed()?));
        deserialize_u16 visit_u16(self self.number(2)? as u16);
        deserialize_u32 visit_u32(self self.number(4)? as u32);
        deserialize_u64 visit_u64(self self.number(8)?);
        deserialize_u128 visit_u128(self self.wide(16)?);
        deserialize_f32 visit_f32(self f32::from_le_bytes(self.fixed()?));
        deserialize_f64 visit_f64(self f64::from_le_bytes(self.fixed()?));
        deserialize_char visit_char(self self.character()?);
        deserialize_str visit_str(self self.text()?);
        deserialize_string visit_string(self self.text()?.to_owned());
        deserialize_bytes visit_bytes(self self.bytes()?);
        deserialize_byte_buf visit_byte_buf(self self.bytes()?.to_vec());
    }

    unsupported!(deserialize_any deserialize_identifier deserialize_ignored_any);

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fail> {
        let value = self.wide(16)?;
        visitor.visit_i128((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fail> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fail> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fail> {
        if !self.flag("the mark of an option")? {
            return visitor.visit_none();
        }
        self.enter()?;
        let value = visitor.visit_some(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fail> {
        self.enter()?;
        let value = visitor.visit_newtype_struct(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fail> {
        let left = self.length()?;
        self.enter()?;
        let value = visitor.visit_seq(Counted { reader: self, left })?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fail> {
        let left = self.length()?;
        self.enter()?;
        let value = visitor.visit_map(Counted { reader: self, left })?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fail> {
        self.parts(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fail> {
        self.parts(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fail> {
        self.parts(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fail> {
        self.enter()?;
        let value = visitor.visit_enum(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Parts whose number the type defines.
struct Parts<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_, '_> {
    type Error = Fail;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fail> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Elements or entries whose number is in the bytes.
struct Counted<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
}

impl Counted<'_, '_> {
    #[inline]
    fn next<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fail> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let before = self.reader.rest.len();
        let value = seed.deserialize(&mut *self.reader)?;
        if self.reader.left() == before {
            self.reader.empty += 1;
            if self.reader.empty > EMPTY {
                return Err(Fail::new(format_args!(
                    "its encoding has more than {EMPTY} elements without bytes"
                )));
            }
        }
        Ok(Some(value))
    }

    /// A type may take memory by it, so it is no more than can be there.
    fn at_most(&self) -> Option<usize> {
        Some(self.left.min(self.reader.rest.len()))
    }
}

impl<'de> SeqAccess<'de> for Counted<'_, '_> {
    type Error = Fail;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fail> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'de> MapAccess<'de> for Counted<'_, '_> {
    type Error = Fail;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fail> {
        self.next(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fail> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'de> EnumAccess<'de> for &mut Reader<'_> {
    type Error = Fail;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fail> {
        let index = self.number(4)? as u32;
        let index: U32Deserializer<Fail> = index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'_> {
    type Error = Fail;

    fn unit_variant(self) -> Result<(), Fail> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fail> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fail> {
        self.parts(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fail> {
        self.parts(fields.len(), visitor)
    }
}
