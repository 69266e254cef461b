//! From bytes to a value.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor, value::StrDeserializer,
};

use super::{DEPTH, FormatError, Reader, Tag};

/// Gives the next bytes; `None` at their end.
pub type Chunks<'a> = &'a mut dyn FnMut() -> Option<Vec<u8>>;

/// Decodes values one behind the other. Nothing is taken for another thing than it was written as: where the type wants
/// something else, its own `Deserialize` says whether that will do.
pub struct Decoder<'a> {
    chunk: Vec<u8>,
    at: usize,
    more: Chunks<'a>,
    reader: Reader,
    names: Vec<Box<str>>,
    depth: usize,
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl<'a> Decoder<'a> {
    pub fn new(reader: Reader, more: Chunks<'a>) -> Self {
        Self {
            chunk: Vec::new(),
            at: 0,
            more,
            reader,
            names: Vec::new(),
            depth: 0,
        }
    }

    /// # Errors
    /// If the bytes are none of this format, or are refused by the type.
    pub fn take<T: de::DeserializeOwned>(&mut self) -> Result<T, FormatError> {
        T::deserialize(self)
    }

    /// A byte that is no value.
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn mark(&mut self) -> Result<u8, FormatError> {
        self.byte()
    }

    /// # Errors
    /// If anything is left: then the type does not read what it writes.
    pub fn end(&mut self) -> Result<(), FormatError> {
        match self.peek_byte() {
            Err(_) => Ok(()),
            Ok(_) => Err(FormatError::new(
                "its `Deserialize` leaves some of what its `Serialize` wrote",
            )),
        }
    }

    fn refill(&mut self) -> Result<(), FormatError> {
        while self.at == self.chunk.len() {
            self.chunk =
                (self.more)().ok_or_else(|| FormatError::new("its encoding ends early"))?;
            self.at = 0;
        }
        Ok(())
    }

    fn peek_byte(&mut self) -> Result<u8, FormatError> {
        if self.at == self.chunk.len() {
            self.refill()?;
        }
        Ok(self.chunk[self.at])
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        let byte = self.peek_byte()?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&mut self) -> Result<Tag, FormatError> {
        let byte = self.peek_byte()?;
        Tag::of(byte).ok_or_else(|| FormatError::new(format!("its encoding has no tag {byte}")))
    }

    fn tag(&mut self) -> Result<Tag, FormatError> {
        let tag = self.peek()?;
        self.at += 1;
        Ok(tag)
    }

    fn number(&mut self) -> Result<u64, FormatError> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift >= 64 || (shift == 63 && bits > 1) {
                return Err(FormatError::new(
                    "its encoding has a number of too many bits",
                ));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, FormatError> {
        let mut left = self.number()? as usize;
        // No more than is there: a wrong length must not take memory.
        let mut bytes = Vec::with_capacity(left.min(self.chunk.len()));
        while left > 0 {
            self.refill()?;
            let length = left.min(self.chunk.len() - self.at);
            bytes.extend_from_slice(&self.chunk[self.at..self.at + length]);
            self.at += length;
            left -= length;
        }
        Ok(bytes)
    }

    fn text(&mut self) -> Result<String, FormatError> {
        String::from_utf8(self.bytes()?)
            .map_err(|_| FormatError::new("its encoding has a text that is no UTF-8"))
    }

    /// The text that comes, without taking it: as far as it is there.
    fn peek_text(&self) -> Option<Box<str>> {
        let (mut at, mut length, mut shift) = (self.at + 1, 0_usize, 0);
        loop {
            let byte = *self.chunk.get(at)?;
            at += 1;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        let bytes = self.chunk.get(at..at.checked_add(length)?)?;
        Some(std::str::from_utf8(bytes).ok()?.into())
    }

    /// Index of the name that comes.
    fn name(&mut self, tag: Tag) -> Result<usize, FormatError> {
        if tag == Tag::Name {
            let name = self.text()?;
            self.names.push(name.into());
            return Ok(self.names.len() - 1);
        }
        let index = self.number()? as usize;
        if index < self.names.len() {
            return Ok(index);
        }
        Err(FormatError::new("its encoding names what it has not named"))
    }

    fn enter(&mut self) -> Result<(), FormatError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(FormatError::new(format!(
                "it is nested more than {DEPTH} levels deep"
            )));
        }
        Ok(())
    }

    /// Checks that a visitor has read to the end of what it visited.
    fn close(&mut self) -> Result<(), FormatError> {
        self.depth -= 1;
        if self.tag()? == Tag::End {
            Ok(())
        } else {
            Err(FormatError::new(
                "its `Deserialize` reads fewer elements than its `Serialize` wrote",
            ))
        }
    }

    /// A value as it was written.
    fn any<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        match self.tag()? {
            Tag::Unit => visitor.visit_unit(),
            Tag::False => visitor.visit_bool(false),
            Tag::True => visitor.visit_bool(true),
            Tag::Unsigned => visitor.visit_u64(self.number()?),
            Tag::Negative => {
                let value = self.number()?;
                let value = i64::try_from(value)
                    .map_err(|_| FormatError::new("its encoding has a number of too many bits"))?;
                visitor.visit_i64(-1 - value)
            }
            Tag::Unsigned128 => visitor.visit_u128(u128::from_le_bytes(self.fixed()?)),
            Tag::Signed128 => visitor.visit_i128(i128::from_le_bytes(self.fixed()?)),
            Tag::F32 => visitor.visit_f32(f32::from_bits(u32::from_le_bytes(self.fixed()?))),
            Tag::F64 => visitor.visit_f64(f64::from_bits(u64::from_le_bytes(self.fixed()?))),
            Tag::Char => {
                let value = self.number()?;
                let value = u32::try_from(value).ok().and_then(char::from_u32);
                visitor.visit_char(
                    value.ok_or_else(|| FormatError::new("its encoding has no such character"))?,
                )
            }
            Tag::Str => visitor.visit_string(self.text()?),
            Tag::Bytes => visitor.visit_byte_buf(self.bytes()?),
            tag @ (Tag::Name | Tag::Known) => {
                let name = self.name(tag)?;
                visitor.visit_str(&self.names[name])
            }
            Tag::None => visitor.visit_none(),
            Tag::Some => {
                self.enter()?;
                let value = visitor.visit_some(&mut *self)?;
                self.depth -= 1;
                Ok(value)
            }
            Tag::Seq => {
                self.enter()?;
                let value = visitor.visit_seq(Elements {
                    decoder: self,
                    index: 0,
                })?;
                self.close()?;
                Ok(value)
            }
            Tag::Map => {
                self.enter()?;
                let value = visitor.visit_map(Entries {
                    decoder: self,
                    index: 0,
                    key: None,
                    fields: false,
                })?;
                self.close()?;
                Ok(value)
            }
            // For who does not ask for an enum, such as `serde_json::Value`: as JSON would have it.
            Tag::Variant => {
                let tag = self.tag()?;
                let name = self.name(tag)?;
                if self.peek()? == Tag::End {
                    self.at += 1;
                    return visitor.visit_str(&self.names[name]);
                }
                self.enter()?;
                let value = visitor.visit_map(OneEntry {
                    decoder: self,
                    name,
                    left: 2,
                })?;
                self.depth -= 1;
                Ok(value)
            }
            Tag::End => Err(FormatError::new(
                "its `Deserialize` reads more elements than its `Serialize` wrote",
            )),
        }
    }

    /// A value where an `Option` was written and none is wanted any more.
    fn plain<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        self.any(visitor)
    }

    /// Refuses to give names to what had none: a derived `Deserialize` would take them in any order.
    fn named(&mut self) -> Result<(), FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        match self.peek()? {
            Tag::Seq => Err(FormatError::new(
                "it had fields without names, and has named ones now",
            )),
            _ => Ok(()),
        }
    }

    /// Fields by their names. A derived `Deserialize` takes a number for a field's position, and a map that has numbers for
    /// keys would be read so.
    fn fields<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        self.named()?;
        if self.peek()? != Tag::Map {
            return self.plain(visitor);
        }
        self.at += 1;
        self.enter()?;
        let value = visitor.visit_map(Entries {
            decoder: self,
            index: 0,
            key: None,
            fields: true,
        })?;
        self.close()?;
        Ok(value)
    }

    /// A floating point number. Serde's own would round an integer, and make infinity of what is too large.
    fn real_for<'de, V: Visitor<'de>>(
        &mut self,
        visitor: V,
        exact: fn(i128) -> bool,
        fits: fn(f64) -> bool,
    ) -> Result<V::Value, FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        match self.peek()? {
            Tag::Unsigned => {
                self.at += 1;
                match self.number()? {
                    value if exact(value.into()) => visitor.visit_u64(value),
                    value => Err(de::Error::invalid_value(
                        Unexpected::Unsigned(value),
                        &visitor,
                    )),
                }
            }
            Tag::Negative => {
                self.at += 1;
                let value = i64::try_from(self.number()?).map(|value| -1 - value);
                match value {
                    Ok(value) if exact(value.into()) => visitor.visit_i64(value),
                    Ok(value) => Err(de::Error::invalid_value(
                        Unexpected::Signed(value),
                        &visitor,
                    )),
                    Err(_) => Err(FormatError::new(
                        "its encoding has a number of too many bits",
                    )),
                }
            }
            Tag::F64 => {
                self.at += 1;
                let value = f64::from_bits(u64::from_le_bytes(self.fixed()?));
                if fits(value) {
                    visitor.visit_f64(value)
                } else {
                    Err(de::Error::invalid_value(Unexpected::Float(value), &visitor))
                }
            }
            _ => self.number_for(visitor),
        }
    }

    /// A number; a person's may be a text.
    fn number_for<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        if self.reader == Reader::Program || self.peek()? != Tag::Str {
            return self.plain(visitor);
        }
        self.at += 1;
        let text = self.text()?;
        if let Ok(value) = text.parse() {
            visitor.visit_u64(value)
        } else if let Ok(value) = text.parse() {
            visitor.visit_i64(value)
        } else if let Ok(value) = text.parse() {
            visitor.visit_u128(value)
        } else if let Ok(value) = text.parse() {
            visitor.visit_i128(value)
        } else if let Ok(value) = text.parse() {
            visitor.visit_f64(value)
        } else {
            Err(de::Error::invalid_type(Unexpected::Str(&text), &visitor))
        }
    }
}

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

struct Elements<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = FormatError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, FormatError> {
        if self.decoder.peek()? == Tag::End {
            return Ok(None);
        }
        let value = seed.deserialize(&mut *self.decoder);
        self.index += 1;
        value
            .map(Some)
            .map_err(|error| error.inside(format_args!("[{}]", self.index - 1)))
    }
}

struct Entries<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    index: usize,
    /// Of the entry that is read, where it has a name.
    key: Option<Key>,
    /// The keys are to be names of fields.
    fields: bool,
}

enum Key {
    Name(usize),
    /// Of an object that a person wrote.
    Text(Box<str>),
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = FormatError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FormatError> {
        self.key = None;
        match self.decoder.peek()? {
            Tag::End => Ok(None),
            tag @ (Tag::Name | Tag::Known) => {
                self.decoder.at += 1;
                let name = self.decoder.name(tag)?;
                self.key = Some(Key::Name(name));
                let name: StrDeserializer<'_, FormatError> =
                    (&*self.decoder.names[name]).into_deserializer();
                seed.deserialize(name).map(Some)
            }
            Tag::Str if self.decoder.reader == Reader::Person => {
                self.key = self.decoder.peek_text().map(Key::Text);
                let key = seed.deserialize(&mut *self.decoder);
                key.map(Some).map_err(|error| self.located(error))
            }
            Tag::Unsigned if self.fields => Err(FormatError::new(
                "it had numbers for keys, and has fields with names now",
            )),
            _ => seed.deserialize(&mut *self.decoder).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, FormatError> {
        let value = seed.deserialize(&mut *self.decoder);
        self.index += 1;
        value.map_err(|error| self.located(error))
    }
}

impl Entries<'_, '_> {
    fn located(&self, error: FormatError) -> FormatError {
        match &self.key {
            Some(Key::Name(name)) => error.inside(format_args!(".{}", self.decoder.names[*name])),
            Some(Key::Text(text)) if is_identifier(text) => error.inside(format_args!(".{text}")),
            Some(Key::Text(text)) => error.inside(format_args!("[{text:?}]")),
            None => error.inside(format_args!("[{}]", self.index.saturating_sub(1))),
        }
    }
}

fn is_identifier(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A map as JSON has it where keys are no texts: an array of arrays of two.
struct Pairs<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    index: usize,
}

impl<'de> MapAccess<'de> for Pairs<'_, '_> {
    type Error = FormatError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FormatError> {
        if self.decoder.peek()? == Tag::End {
            return Ok(None);
        }
        let key = match self.decoder.tag()? {
            Tag::Seq => seed.deserialize(&mut *self.decoder),
            _ => Err(FormatError::new(
                "an entry of a map is an array of a key and a value",
            )),
        };
        key.map(Some)
            .map_err(|error| error.inside(format_args!("[{}][0]", self.index)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, FormatError> {
        let value =
            seed.deserialize(&mut *self.decoder)
                .and_then(|value| match self.decoder.tag()? {
                    Tag::End => Ok(value),
                    _ => Err(FormatError::new(
                        "an entry of a map has more than a key and a value",
                    )),
                });
        self.index += 1;
        value.map_err(|error| error.inside(format_args!("[{}][1]", self.index - 1)))
    }
}

/// A variant with content as a map of one entry.
struct OneEntry<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    name: usize,
    left: u8,
}

impl<'de> MapAccess<'de> for OneEntry<'_, '_> {
    type Error = FormatError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FormatError> {
        if self.left < 2 {
            return Ok(None);
        }
        self.left = 1;
        let name: StrDeserializer<'_, FormatError> =
            (&*self.decoder.names[self.name]).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, FormatError> {
        self.left = 0;
        let value = seed.deserialize(&mut *self.decoder);
        value.map_err(|error| error.inside(format_args!(".{}", self.decoder.names[self.name])))
    }
}

/// A variant's name, then its content.
struct Alternative<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
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
                    "its encoding has a variant without a name",
                ));
            }
        };
        Ok((value, Content { decoder, name }))
    }
}

/// What a variant holds.
struct Content<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    name: Box<str>,
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
        if tag == Tag::End || tag == Tag::Unit && self.decoder.reader == Reader::Person {
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
