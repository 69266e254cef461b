//! Elements of sequences, maps and structs.

use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, value::StrDeserializer};

use super::Decoder;
use crate::codec::format::{FormatError, Reader, Tag};

pub(super) struct Elements<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
    pub(super) index: usize,
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

pub(super) struct Entries<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
    pub(super) index: usize,
    /// The key of the current entry, if it has a name.
    pub(super) key: Option<Key>,
    /// The keys must be field names.
    pub(super) fields: bool,
}

pub(super) enum Key {
    Name(usize),
    /// A key of an object that a user wrote.
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
            Tag::Str if self.decoder.reader != Reader::Program => {
                self.key = self.decoder.peek_text().map(Key::Text);
                let key = self.key(seed);
                key.map(Some).map_err(|error| self.located(error))
            }
            Tag::Unsigned if self.fields => Err(FormatError::new(
                "it was a map with numeric keys and is now a struct with named fields",
            )),
            _ => self.key(seed).map(Some),
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
    fn key<'de, K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<K::Value, FormatError> {
        let before = self.decoder.key;
        self.decoder.key = self.decoder.reader == Reader::Peer;
        let key = seed.deserialize(&mut *self.decoder);
        self.decoder.key = before;
        key
    }

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

/// A map in the JSON form for keys that are not strings: an array of arrays of two.
pub(super) struct Pairs<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
    pub(super) index: usize,
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
                "a map entry must be an array of a key and a value",
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

/// A variant with content, as a map with one entry.
pub(super) struct OneEntry<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
    pub(super) name: usize,
    pub(super) left: u8,
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
