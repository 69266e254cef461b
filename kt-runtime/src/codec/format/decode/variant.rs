//! Enums: a variant's name, and its content.

use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor, value::StrDeserializer,
};

use super::Decoder;
use crate::codec::format::{FormatError, Reader, Tag};

/// A variant's name, then its content.
pub(super) struct Alternative<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
}

impl<'de, 'd, 'a> EnumAccess<'de> for Alternative<'d, 'a> {
    type Error = FormatError;
    type Variant = Content<'d, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'d, 'a>), FormatError> {
        let decoder = self.decoder;
        let tag = decoder.tag()?;
        let (value, name) = match tag {
            Tag::Name | Tag::Known => {
                let name = decoder.name(tag)?;
                let text = decoder.names[name].clone();
                let named: StrDeserializer<'_, FormatError> = (&*text).into_deserializer();
                (seed.deserialize(named)?, text)
            }
            Tag::Str => {
                let text: Box<str> = decoder.text()?.into();
                let named: StrDeserializer<'_, FormatError> = (&*text).into_deserializer();
                (seed.deserialize(named)?, text)
            }
            _ => {
                return Err(FormatError::new(
                    "its encoding contains a variant without a name",
                ));
            }
        };
        Ok((value, Content { decoder, name }))
    }
}

/// The content of a variant.
pub(super) struct Content<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
    pub(super) name: Box<str>,
}

impl Content<'_, '_> {
    fn has_content(&mut self) -> Result<(), FormatError> {
        if self.decoder.peek()? != Tag::End {
            return Ok(());
        }
        let error = FormatError::new("the variant had no content and has some now");
        Self::located(&self.name, Err(error))
    }

    fn located<T>(name: &str, result: Result<T, FormatError>) -> Result<T, FormatError> {
        result.map_err(|error| error.inside(format_args!(".{name}")))
    }
}

impl<'de> VariantAccess<'de> for Content<'_, '_> {
    type Error = FormatError;

    fn unit_variant(self) -> Result<(), FormatError> {
        let tag = self.decoder.peek()?;
        if tag == Tag::End || tag == Tag::Unit && self.decoder.reader != Reader::Program {
            self.decoder.at += 1;
            return Ok(());
        }
        let error = FormatError::new("the variant had content and has none now");
        Self::located(&self.name, Err(error))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, FormatError> {
        self.has_content()?;
        Self::located(&self.name, seed.deserialize(&mut *self.decoder))
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.has_content()?;
        Self::located(&self.name, self.decoder.any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        self.has_content()?;
        Self::located(&self.name, self.decoder.fields(visitor))
    }
}
