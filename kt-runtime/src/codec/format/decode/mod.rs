//! Decodes bytes to a value.

mod compound;
mod deserializer;
mod variant;

use std::fmt;

use serde::de::{self, Unexpected, Visitor, value::SeqDeserializer};

use compound::{Elements, Entries, OneEntry};

use super::{DEPTH, FormatError, Reader, Tag};
use crate::codec::thread::Stack;

/// Returns the next bytes; `None` at the end.
pub type Chunks<'a> = &'a mut dyn FnMut() -> Option<Vec<u8>>;

/// Decodes consecutive values. Passes each value with the type that was written: if the requested
/// type differs, its `Deserialize` decides whether to accept it.
pub struct Decoder<'a> {
    chunk: Vec<u8>,
    at: usize,
    /// `None`: the chunk is the whole input.
    more: Option<Chunks<'a>>,
    reader: Reader,
    stack: Stack,
    names: Vec<Box<str>>,
    depth: usize,
    /// The next value is a map key, which JSON always writes as a string.
    key: bool,
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder<'static> {
    /// Decodes exactly these bytes.
    pub(crate) fn of(reader: Reader, bytes: Vec<u8>, stack: Stack) -> Self {
        Self {
            chunk: bytes,
            at: 0,
            more: None,
            reader,
            stack,
            names: Vec::new(),
            depth: 0,
            key: false,
        }
    }
}

impl<'a> Decoder<'a> {
    pub fn new(reader: Reader, more: Chunks<'a>) -> Self {
        Self {
            chunk: Vec::new(),
            at: 0,
            more: Some(more),
            reader,
            // Decoding from chunks happens on a dedicated thread.
            stack: Stack::own(),
            names: Vec::new(),
            depth: 0,
            key: false,
        }
    }

    /// # Errors
    /// If the bytes are not valid in this format, or the type rejects them.
    pub fn take<T: de::DeserializeOwned>(&mut self) -> Result<T, FormatError> {
        T::deserialize(self)
    }

    /// Reads a byte that is not part of a value.
    ///
    /// # Errors
    /// At the end of the input.
    pub fn mark(&mut self) -> Result<u8, FormatError> {
        self.byte()
    }

    /// # Errors
    /// If any bytes remain: then the type does not read everything that it writes.
    pub fn end(&mut self) -> Result<(), FormatError> {
        match self.peek_byte() {
            Err(_) => Ok(()),
            Ok(_) => Err(FormatError::new(
                "its `Deserialize` does not read everything that its `Serialize` wrote",
            )),
        }
    }

    fn refill(&mut self) -> Result<(), FormatError> {
        while self.at == self.chunk.len() {
            let next = self.more.as_mut().and_then(|more| more());
            self.chunk = next.ok_or_else(|| FormatError::new("its encoding is truncated"))?;
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
        Tag::of(byte).ok_or_else(|| {
            FormatError::new(format!("its encoding contains the unknown tag {byte}"))
        })
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
                    "its encoding contains a number with too many bits",
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
        // Reads only the bytes that exist: a wrong length must not allocate memory.
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
            .map_err(|_| FormatError::new("its encoding contains a string that is not UTF-8"))
    }

    /// The next string, without consuming it, if the current chunk contains all of it.
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

    /// Index of the next name.
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
        Err(FormatError::new("its encoding refers to an unknown name"))
    }

    fn enter(&mut self) -> Result<(), FormatError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(FormatError::new(format!(
                "it is nested more than {DEPTH} levels deep"
            )));
        }
        self.stack.check().map_err(FormatError::caused)
    }

    /// Checks that a visitor has read all elements.
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

    /// Decodes a value with the type that was written.
    fn any<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        match self.tag()? {
            Tag::Unit => visitor.visit_unit(),
            Tag::False => visitor.visit_bool(false),
            Tag::True => visitor.visit_bool(true),
            Tag::Unsigned => visitor.visit_u64(self.number()?),
            Tag::Negative => {
                let value = self.number()?;
                let value = i64::try_from(value).map_err(|_| {
                    FormatError::new("its encoding contains a number with too many bits")
                })?;
                visitor.visit_i64(-1 - value)
            }
            Tag::Unsigned128 => visitor.visit_u128(u128::from_le_bytes(self.fixed()?)),
            Tag::Signed128 => visitor.visit_i128(i128::from_le_bytes(self.fixed()?)),
            Tag::F32 => visitor.visit_f32(f32::from_bits(u32::from_le_bytes(self.fixed()?))),
            Tag::F64 => visitor.visit_f64(f64::from_bits(u64::from_le_bytes(self.fixed()?))),
            Tag::Char => {
                let value = self.number()?;
                let value = u32::try_from(value).ok().and_then(char::from_u32);
                visitor.visit_char(value.ok_or_else(|| {
                    FormatError::new("its encoding contains an invalid character")
                })?)
            }
            Tag::Str => visitor.visit_string(self.text()?),
            // In JSON bytes are an array, and many `Deserialize` implementations accept only that.
            Tag::Bytes if self.reader == Reader::Peer => {
                let bytes = self.bytes()?;
                visitor.visit_seq(SeqDeserializer::new(bytes.into_iter()))
            }
            Tag::Bytes => visitor.visit_byte_buf(self.bytes()?),
            tag @ (Tag::Name | Tag::Known) => {
                let name = self.name(tag)?;
                visitor.visit_str(&self.names[name])
            }
            // JSON has no options, and a self-describing type may not expect one. Options that JSON
            // would lose are kept.
            Tag::None if self.reader == Reader::Peer => visitor.visit_unit(),
            Tag::None => visitor.visit_none(),
            Tag::Some
                if self.reader == Reader::Peer
                    && !matches!(self.peek()?, Tag::None | Tag::Unit | Tag::Some) =>
            {
                self.any(visitor)
            }
            Tag::Some => self.some(visitor),
            Tag::Seq => self.any_seq(visitor),
            Tag::Map => self.any_map(visitor),
            Tag::Variant => self.any_variant(visitor),
            Tag::End => Err(FormatError::new(
                "its `Deserialize` reads more elements than its `Serialize` wrote",
            )),
        }
    }

    fn any_seq<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        self.enter()?;
        let value = visitor.visit_seq(Elements {
            decoder: self,
            index: 0,
        })?;
        self.close()?;
        Ok(value)
    }

    fn any_map<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
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

    /// For types that do not request an enum, such as `serde_json::Value`: as in JSON.
    fn any_variant<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
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

    /// The content of an `Option`.
    fn some<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        self.enter()?;
        let value = visitor.visit_some(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// A string. In a map key also a number, which JSON writes as a string.
    fn text_for<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        if !self.key || self.peek()? != Tag::Unsigned {
            return self.plain(visitor);
        }
        self.at += 1;
        visitor.visit_string(self.number()?.to_string())
    }

    /// Bytes; not encoded as a sequence.
    fn bytes_for<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        if self.peek()? != Tag::Bytes {
            return self.any(visitor);
        }
        self.at += 1;
        visitor.visit_byte_buf(self.bytes()?)
    }

    /// Decodes a value that was written as an `Option` but is no longer optional.
    fn plain<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        self.any(visitor)
    }

    /// Rejects naming fields that were unnamed: a derived `Deserialize` would accept them in any
    /// order.
    fn named(&mut self) -> Result<(), FormatError> {
        while self.peek()? == Tag::Some {
            self.at += 1;
        }
        match self.peek()? {
            // A peer's type is unchanged: its `Serialize` writes a sequence.
            Tag::Seq if self.reader != Reader::Peer => Err(FormatError::new(
                "its fields were unnamed and are now named",
            )),
            _ => Ok(()),
        }
    }

    /// Fields by name. A derived `Deserialize` also accepts a number as a field's position, and
    /// would misread a map with numeric keys.
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

    /// A floating-point number. serde's implementation would round an integer, and turn a too large
    /// number into infinity.
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
                        "its encoding contains a number with too many bits",
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

    /// A number; a user may write it as a string.
    fn number_for<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, FormatError> {
        if self.reader != Reader::Person && !self.key || self.peek()? != Tag::Str {
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
