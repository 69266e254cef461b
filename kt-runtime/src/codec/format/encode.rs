//! Encodes a value to bytes.

use std::{collections::HashMap, fmt};

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
};

use super::{CHUNK, DEPTH, FormatError, Reader, Tag};
use crate::codec::{CodecError, thread::Stack};

/// Receives the bytes in pieces.
pub type Sink<'a> = &'a mut dyn FnMut(Vec<u8>) -> Result<(), SinkClosed>;

/// The receiver stopped reading.
#[derive(Debug, Clone, Copy)]
pub struct SinkClosed;

/// Encodes consecutive values. After [`Encoder::finish`] the sink has received all bytes.
pub struct Encoder<'a> {
    buffer: Vec<u8>,
    /// `None`: the buffer keeps everything, up to the limit.
    sink: Option<Sink<'a>>,
    /// Buffer size in bytes at which it is sent to the sink, or full.
    most: usize,
    reader: Reader,
    stack: Stack,
    /// The index of each written name, by address and length: names are string literals of the
    /// program.
    names: HashMap<(usize, usize), u64>,
    depth: usize,
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

type Done = Result<(), FormatError>;

impl Encoder<'static> {
    /// Keeps up to about `limit` bytes.
    pub(crate) fn collecting(reader: Reader, limit: usize, stack: Stack) -> Self {
        Self {
            buffer: Vec::with_capacity(128),
            sink: None,
            most: limit,
            reader,
            stack,
            names: HashMap::new(),
            depth: 0,
        }
    }
}

impl<'a> Encoder<'a> {
    pub fn new(reader: Reader, sink: Sink<'a>) -> Self {
        Self {
            buffer: Vec::with_capacity(CHUNK + 1024),
            sink: Some(sink),
            most: CHUNK,
            reader,
            // Encoding to a sink happens on a dedicated thread.
            stack: Stack::own(),
            names: HashMap::new(),
            depth: 0,
        }
    }

    /// # Errors
    /// If the value's `Serialize` fails, it is nested too deeply, or the sink fails.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(self)
    }

    /// Writes a byte that precedes a value.
    pub fn mark(&mut self, byte: u8) -> Done {
        self.buffer.push(byte);
        Ok(())
    }

    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> Done {
        self.send()
    }

    /// All bytes of an encoder without a sink.
    pub(crate) fn collected(self) -> Vec<u8> {
        self.buffer
    }

    fn send(&mut self) -> Done {
        let Some(sink) = &mut self.sink else {
            return self.check_limit(0);
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK + 1024));
        sink(chunk).map_err(|SinkClosed| FormatError::new("the receiver stopped reading"))
    }

    /// Without a sink, checks that `length` more bytes stay within the limit.
    fn check_limit(&self, length: usize) -> Done {
        if self.sink.is_some() || self.buffer.len().saturating_add(length) <= self.most {
            return Ok(());
        }
        Err(FormatError::caused(CodecError::TooLarge {
            limit: self.most,
        }))
    }

    fn tag(&mut self, tag: Tag) -> Done {
        self.buffer.push(tag as u8);
        if self.buffer.len() >= self.most {
            self.send()?;
        }
        Ok(())
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    fn text(&mut self, tag: Tag, bytes: &[u8]) -> Done {
        self.tag(tag)?;
        self.check_limit(bytes.len())?;
        self.number(bytes.len() as u64);
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn name(&mut self, name: &'static str) -> Done {
        let next = self.names.len() as u64;
        match self.names.entry((name.as_ptr() as usize, name.len())) {
            std::collections::hash_map::Entry::Occupied(known) => {
                let index = *known.get();
                self.tag(Tag::Known)?;
                self.number(index);
                Ok(())
            }
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(next);
                self.text(Tag::Name, name.as_bytes())
            }
        }
    }

    fn variant(&mut self, name: &'static str) -> Done {
        self.tag(Tag::Variant)?;
        self.name(name)
    }

    fn enter(&mut self) -> Done {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(FormatError::new(format!(
                "it is nested more than {DEPTH} levels deep"
            )));
        }
        self.stack.check().map_err(FormatError::caused)
    }

    fn begin<'e>(&'e mut self, tag: Tag) -> Result<Compound<'e, 'a>, FormatError> {
        self.enter()?;
        self.tag(tag)?;
        Ok(Compound {
            encoder: self,
            index: 0,
        })
    }

    fn unsigned(&mut self, value: u64) -> Done {
        self.tag(Tag::Unsigned)?;
        self.number(value);
        Ok(())
    }

    fn signed(&mut self, value: i64) -> Done {
        if let Ok(value) = u64::try_from(value) {
            return self.unsigned(value);
        }
        self.tag(Tag::Negative)?;
        self.number((-1 - value) as u64);
        Ok(())
    }

    fn fixed(&mut self, tag: Tag, bytes: &[u8]) -> Done {
        self.tag(tag)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

impl<'e, 'a> ser::Serializer for &'e mut Encoder<'a> {
    type Ok = ();
    type Error = FormatError;
    type SerializeSeq = Compound<'e, 'a>;
    type SerializeTuple = Compound<'e, 'a>;
    type SerializeTupleStruct = Compound<'e, 'a>;
    type SerializeTupleVariant = Compound<'e, 'a>;
    type SerializeMap = Compound<'e, 'a>;
    type SerializeStruct = Compound<'e, 'a>;
    type SerializeStructVariant = Compound<'e, 'a>;

    fn serialize_bool(self, value: bool) -> Done {
        self.tag(if value { Tag::True } else { Tag::False })
    }

    fn serialize_i8(self, value: i8) -> Done {
        self.signed(value.into())
    }

    fn serialize_i16(self, value: i16) -> Done {
        self.signed(value.into())
    }

    fn serialize_i32(self, value: i32) -> Done {
        self.signed(value.into())
    }

    fn serialize_i64(self, value: i64) -> Done {
        self.signed(value)
    }

    fn serialize_i128(self, value: i128) -> Done {
        if let Ok(value) = u64::try_from(value) {
            return self.unsigned(value);
        }
        match i64::try_from(value) {
            Ok(value) => self.signed(value),
            Err(_) => self.fixed(Tag::Signed128, &value.to_le_bytes()),
        }
    }

    fn serialize_u8(self, value: u8) -> Done {
        self.unsigned(value.into())
    }

    fn serialize_u16(self, value: u16) -> Done {
        self.unsigned(value.into())
    }

    fn serialize_u32(self, value: u32) -> Done {
        self.unsigned(value.into())
    }

    fn serialize_u64(self, value: u64) -> Done {
        self.unsigned(value)
    }

    fn serialize_u128(self, value: u128) -> Done {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.fixed(Tag::Unsigned128, &value.to_le_bytes()),
        }
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.fixed(Tag::F32, &value.to_bits().to_le_bytes())
    }

    fn serialize_f64(self, value: f64) -> Done {
        self.fixed(Tag::F64, &value.to_bits().to_le_bytes())
    }

    fn serialize_char(self, value: char) -> Done {
        // As in JSON: a type may write a character and read a string, or the other way round.
        if self.reader == Reader::Peer {
            return self.serialize_str(value.encode_utf8(&mut [0; 4]));
        }
        self.tag(Tag::Char)?;
        self.number(u32::from(value).into());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Done {
        self.text(Tag::Str, value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.text(Tag::Bytes, value)
    }

    fn serialize_none(self) -> Done {
        self.tag(Tag::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        self.enter()?;
        self.tag(Tag::Some)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_unit(self) -> Done {
        self.tag(Tag::Unit)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.tag(Tag::Unit)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.variant(variant)?;
        self.tag(Tag::End)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        self.enter()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.enter()?;
        self.variant(variant)?;
        let done = value.serialize(&mut *self);
        done.map_err(|error| error.inside(format_args!(".{variant}")))?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'e, 'a>, FormatError> {
        self.begin(Tag::Seq)
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'e, 'a>, FormatError> {
        self.begin(Tag::Seq)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Compound<'e, 'a>, FormatError> {
        self.begin(Tag::Seq)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'e, 'a>, FormatError> {
        self.variant(variant)?;
        self.begin(Tag::Seq)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'e, 'a>, FormatError> {
        self.begin(Tag::Map)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'e, 'a>, FormatError> {
        self.begin(Tag::Map)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'e, 'a>, FormatError> {
        self.variant(variant)?;
        self.begin(Tag::Map)
    }

    fn is_human_readable(&self) -> bool {
        self.reader.is_human()
    }
}

/// Everything that has elements.
pub struct Compound<'e, 'a> {
    encoder: &'e mut Encoder<'a>,
    index: usize,
}

impl fmt::Debug for Compound<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compound").finish_non_exhaustive()
    }
}

impl Compound<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        let done = value.serialize(&mut *self.encoder);
        self.index += 1;
        done.map_err(|error| error.inside(format_args!("[{}]", self.index - 1)))
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.encoder.name(name)?;
        let done = value.serialize(&mut *self.encoder);
        done.map_err(|error| error.inside(format_args!(".{name}")))
    }

    fn close(self) -> Done {
        self.encoder.depth -= 1;
        self.encoder.tag(Tag::End)
    }
}

/// Serde's traits for ordered elements differ in their names only, and so do those for named
/// fields.
macro_rules! parts {
    ($($of:ident: $method:ident)*) => {
        $(impl $of for Compound<'_, '_> {
            type Ok = ();
            type Error = FormatError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.close()
            }
        })*
    };
    (named $($of:ident)*) => {
        $(impl $of for Compound<'_, '_> {
            type Ok = ();
            type Error = FormatError;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Done {
                self.field(name, value)
            }
            fn end(self) -> Done {
                self.close()
            }
        })*
    };
}

parts!(SerializeSeq: serialize_element SerializeTuple: serialize_element SerializeTupleStruct: serialize_field
    SerializeTupleVariant: serialize_field);
parts!(named SerializeStruct SerializeStructVariant);

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = FormatError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(&mut *self.encoder)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.element(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}
