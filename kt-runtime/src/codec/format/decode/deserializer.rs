//! The deserialize methods, and the decoder method that each one uses.

use serde::de::{self, IntoDeserializer, Unexpected, Visitor};

use super::{Decoder, compound::Pairs, variant::Alternative};
use crate::codec::format::{FormatError, Reader, Tag};

/// From `serde_json::value::RawValue`, see
/// <https://docs.rs/serde_json/1/src/serde_json/raw.rs.html>.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

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
    through!(plain: deserialize_char deserialize_unit deserialize_seq deserialize_identifier);
    through!(text_for: deserialize_str deserialize_string);
    through!(bytes_for: deserialize_bytes deserialize_byte_buf);

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        if self.reader != Reader::Person || self.peek()? != Tag::Seq {
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
        if self.reader != Reader::Person && !self.key || self.peek()? != Tag::Str {
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
            Tag::None => {
                self.at += 1;
                visitor.visit_none()
            }
            Tag::Some => {
                self.at += 1;
                self.some(visitor)
            }
            // JSON's null.
            Tag::Unit if self.reader != Reader::Program => {
                self.at += 1;
                visitor.visit_none()
            }
            // The field was not optional before.
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
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        // The name that serde_json's two halves agree on: it is written as a struct.
        if name == RAW_VALUE && self.peek()? == Tag::Map {
            return self.any(visitor);
        }
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
            // JSON's encodings of an enum.
            Tag::Str if self.reader != Reader::Program => {
                self.at += 1;
                visitor.visit_enum(self.text()?.into_deserializer())
            }
            Tag::Map if self.reader != Reader::Program => {
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
        self.reader.is_human()
    }
}
