//! From values to bincode.

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
};

use super::{EMPTY, U16, U32, U64, U128};
use crate::codec::{
    CodecError,
    check::{Check, Parts},
    error::Fail,
    graph::{Content, Leaf},
    thread::{DEPTH, Stack},
};

type Done = Result<(), Fail>;

/// Encodes values one behind the other.
#[derive(Debug)]
pub(in crate::codec) struct Writer {
    pub(in crate::codec) bytes: Vec<u8>,
    pub(in crate::codec) check: Check,
    limit: usize,
    stack: Stack,
    depth: usize,
    /// Elements of sequences, and keys of maps, that took no bytes.
    empty: usize,
}

impl Writer {
    pub(in crate::codec) fn new(limit: usize, stack: Stack) -> Self {
        Self {
            // Most values are short, and to grow byte by byte to a hundred would be five
            // allocations.
            bytes: Vec::with_capacity(128),
            check: Check::default(),
            limit,
            stack,
            depth: 0,
            empty: 0,
        }
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Done {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(CodecError::TooLarge { limit: self.limit }.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn number(&mut self, value: u64) -> Done {
        let bytes = value.to_le_bytes();
        match value {
            0..=250 => self.write(&bytes[..1]),
            251..=0xffff => self.write(&[U16, bytes[0], bytes[1]]),
            0x1_0000..=0xffff_ffff => {
                self.write(&[U32])?;
                self.write(&bytes[..4])
            }
            _ => {
                self.write(&[U64])?;
                self.write(&bytes)
            }
        }
    }

    fn wide(&mut self, value: u128) -> Done {
        match u64::try_from(value) {
            Ok(value) => self.number(value),
            Err(_) => {
                self.write(&[U128])?;
                self.write(&value.to_le_bytes())
            }
        }
    }

    fn signed(&mut self, value: i64) -> Done {
        self.number(((value << 1) ^ (value >> 63)) as u64)
    }

    fn text(&mut self, bytes: &[u8]) -> Done {
        self.number(bytes.len() as u64)?;
        self.write(bytes)
    }

    fn enter(&mut self) -> Done {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fail::new(format_args!(
                "it is nested more than {DEPTH} levels deep"
            )));
        }
        Ok(self.stack.check()?)
    }

    fn compound(&mut self, parts: Parts, count: usize) -> Result<Compound<'_>, Fail> {
        self.enter()?;
        Ok(Compound {
            writer: self,
            parts,
            count,
            index: 0,
        })
    }

    fn tuple(&mut self, len: usize) -> Result<Compound<'_>, Fail> {
        let parts = self.check.tuple(len)?;
        self.compound(parts, len)
    }
}

/// A value without parts: checked, then written.
macro_rules! leaves {
    ($($method:ident($value:ident: $type:ty) $leaf:ident $write:ident($written:expr);)*) => {
        $(#[inline]
        fn $method(self, $value: $type) -> Done {
            self.check.leaf(Leaf::$leaf)?;
            self.$write($written)
        })*
    };
}

impl<'w> ser::Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Fail;
    type SerializeSeq = Compound<'w>;
    type SerializeTuple = Compound<'w>;
    type SerializeTupleStruct = Compound<'w>;
    type SerializeTupleVariant = Compound<'w>;
    type SerializeMap = Compound<'w>;
    type SerializeStruct = Compound<'w>;
    type SerializeStructVariant = Compound<'w>;

    leaves! {
        serialize_bool(value: bool) Bool write(&[u8::from(value)]);
        serialize_i8(value: i8) I8 write(&value.to_le_bytes());
        serialize_i16(value: i16) I16 signed(value.into());
        serialize_i32(value: i32) I32 signed(value.into());
        serialize_i64(value: i64) I64 signed(value);
        serialize_i128(value: i128) I128 wide(((value << 1) ^ (value >> 127)) as u128);
        serialize_u8(value: u8) U8 write(&[value]);
        serialize_u16(value: u16) U16 number(value.into());
        serialize_u32(value: u32) U32 number(value.into());
        serialize_u64(value: u64) U64 number(value);
        serialize_u128(value: u128) U128 wide(value);
        serialize_f32(value: f32) F32 write(&value.to_le_bytes());
        serialize_f64(value: f64) F64 write(&value.to_le_bytes());
        serialize_char(value: char) Char write(value.encode_utf8(&mut [0; 4]).as_bytes());
        serialize_str(value: &str) Str text(value.as_bytes());
        serialize_bytes(value: &[u8]) Bytes text(value);
    }

    fn serialize_none(self) -> Done {
        self.check.option()?;
        self.write(&[0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        self.check.option()?;
        self.write(&[1])?;
        self.enter()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_unit(self) -> Done {
        self.check.leaf(Leaf::Unit)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.check.leaf(Leaf::Unit)
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, name: &'static str) -> Done {
        self.check
            .variant(index, name, |content| *content == Content::Unit)?;
        self.number(index.into())
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
        index: u32,
        name: &'static str,
        value: &T,
    ) -> Done {
        let parts = self.check.variant(index, name, |content| {
            matches!(content, Content::Newtype(_))
        })?;
        self.number(index.into())?;
        self.check.part(&parts, 0)?;
        self.enter()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'w>, Fail> {
        let parts = self.check.seq()?;
        let Some(len) = len else {
            return self.check.none();
        };
        self.number(len as u64)?;
        self.compound(parts, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'w>, Fail> {
        self.tuple(len)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<'w>, Fail> {
        self.tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'w>, Fail> {
        let parts = self.check.variant(
            index,
            name,
            |content| matches!(content, Content::Tuple(parts) if parts.len() == len),
        )?;
        self.number(index.into())?;
        self.compound(parts, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'w>, Fail> {
        let parts = self.check.map()?;
        let Some(len) = len else {
            return self.check.none();
        };
        self.number(len as u64)?;
        self.compound(parts, len.saturating_mul(2))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Compound<'w>, Fail> {
        let parts = self.check.structure(len)?;
        self.compound(parts, len)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'w>, Fail> {
        let parts = self.check.variant(
            index,
            name,
            |content| matches!(content, Content::Struct(_, parts) if parts.len() == len),
        )?;
        self.number(index.into())?;
        self.compound(parts, len)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Everything that has parts.
#[derive(Debug)]
pub(in crate::codec) struct Compound<'w> {
    writer: &'w mut Writer,
    parts: Parts,
    count: usize,
    index: usize,
}

impl Compound<'_> {
    /// A part whose place in the graph is set.
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.index += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.writer.check.part(&self.parts, self.index)?;
        self.put(value)
    }

    /// An element or a key of a value whose encoding starts with its length.
    #[inline]
    fn counted<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        let before = self.writer.bytes.len();
        self.element(value)?;
        if self.writer.bytes.len() == before {
            self.writer.empty += 1;
            if self.writer.empty > EMPTY {
                return self.writer.check.none();
            }
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.writer.check.field(&self.parts, self.index, name)?;
        self.put(value)
    }

    fn close(self) -> Done {
        // Also for sequences: with another number of elements than their length, the reader would
        // read the rest as something else.
        if self.index != self.count {
            return self.writer.check.none();
        }
        self.writer.depth -= 1;
        Ok(())
    }
}

macro_rules! parts {
    ($($of:ident: $method:ident $way:ident)*) => {
        $(impl $of for Compound<'_> {
            type Ok = ();
            type Error = Fail;
            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.$way(value)
            }
            fn end(self) -> Done {
                self.close()
            }
        })*
    };
    (named $($of:ident)*) => {
        $(impl $of for Compound<'_> {
            type Ok = ();
            type Error = Fail;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Done {
                self.field(name, value)
            }
            fn skip_field(&mut self, _: &'static str) -> Done {
                self.writer.check.none()
            }
            fn end(self) -> Done {
                self.close()
            }
        })*
    };
}

parts!(SerializeSeq: serialize_element counted SerializeTuple: serialize_element element
    SerializeTupleStruct: serialize_field element SerializeTupleVariant: serialize_field element);
parts!(named SerializeStruct SerializeStructVariant);

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Fail;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.counted(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.element(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}
