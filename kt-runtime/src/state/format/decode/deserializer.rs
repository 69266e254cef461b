//! What a type may ask for, and which way through the decoder that is.

use serde::de::{self, IntoDeserializer, Unexpected, Visitor};

use super::{Decoder, compound::Pairs, variant::Alternative};
use crate::state::format::{FormatError, Reader, Tag};

macro_rules! through {
    ($way:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
            self.$way(visitor)
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'_> {
    type Error = FormatError;

    through!(any: deserialize_any deserialize_ignored_any);
    through!(number_for: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    through!(plain: deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_seq deserialize_identifier);

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        if self.reader == Reader::Program || self.peek()? != Tag::Seq {
            return self.plain(visitor);
        }
        self.at += 1;
        self.enter()?;
        let value = visitor.visit_map(Pairs {
            decoder: self,
            index: 0,
        })?;
        self.close()?;
        Ok(value)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        self.real_for(
            visitor,
            |value| (value as f32) as i128 == value,
            |value| !value.is_finite() || (value as f32).is_finite(),
        )
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        self.real_for(visitor, |value| (value as f64) as i128 == value, |_| true)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        if self.reader == Reader::Program || self.peek()? != Tag::Str {
            return self.plain(visitor);
        }
        self.at += 1;
        let text = self.text()?;
        match text.parse() {
            Ok(value) => visitor.visit_bool(value),
            Err(_) => Err(de::Error::invalid_type(Unexpected::Str(&text), &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        match self.peek()? {
            Tag::None | Tag::Some => self.any(visitor),
            // JSON's null.
            Tag::Unit if self.reader == Reader::Person => {
                self.at += 1;
                visitor.visit_none()
            }
            // What was certain became optional.
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.plain(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.enter()?;
        let value = visitor.visit_newtype_struct(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.plain(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.plain(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.fields(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        match self.peek()? {
            Tag::Variant => {
                self.at += 1;
                self.enter()?;
                let value = visitor.visit_enum(Alternative { decoder: self })?;
                self.depth -= 1;
                Ok(value)
            }
            // JSON's ways to write an enum.
            Tag::Str if self.reader == Reader::Person => {
                self.at += 1;
                visitor.visit_enum(self.text()?.into_deserializer())
            }
            Tag::Map if self.reader == Reader::Person => {
                self.at += 1;
                self.enter()?;
                let value = visitor.visit_enum(Alternative { decoder: self })?;
                self.close()?;
                Ok(value)
            }
            _ => self.any(visitor),
        }
    }

    fn is_human_readable(&self) -> bool {
        self.reader == Reader::Person
    }
}
