//! SFTP's encoding: numbers are big endian, strings are prefixed with their length.

use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Limit of a packet in bytes, as in OpenSSH.
pub const PACKET: usize = 256 << 10;
/// Limit of a packet's bytes other than file data.
pub const HEAD: usize = 1024;

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const PERMISSIONS: u32 = 4;
const TIMES: u32 = 8;

/// A truncated or invalid packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Takes a packet from the front of the received bytes, or nothing if it is not complete yet.
///
/// # Errors
/// If it is empty or too long.
pub fn next(buffer: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
    let Some(prefix) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*prefix) as usize;
    if length == 0 || length > PACKET {
        return Err(Malformed);
    }
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Reads a packet's fields.
#[derive(Debug)]
pub struct Fields(pub Bytes);

impl Fields {
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| Malformed)
    }

    pub fn number(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32().map_err(|_| Malformed)
    }

    pub fn long(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64().map_err(|_| Malformed)
    }

    pub fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.number()? as usize;
        match length <= self.0.len() {
            true => Ok(self.0.split_to(length)),
            false => Err(Malformed),
        }
    }

    pub fn path(&mut self) -> Result<OsString, Malformed> {
        Ok(OsString::from_vec(self.bytes()?.to_vec()))
    }

    pub fn attributes(&mut self) -> Result<Attributes, Malformed> {
        let flags = self.number()?;
        let mut attributes = Attributes::default();
        if flags & SIZE != 0 {
            attributes.size = Some(self.long()?);
        }
        if flags & OWNER != 0 {
            attributes.owner = Some((self.number()?, self.number()?));
        }
        if flags & PERMISSIONS != 0 {
            attributes.mode = Some(self.number()?);
        }
        if flags & TIMES != 0 {
            attributes.times = Some((self.number()?, self.number()?));
        }
        Ok(attributes)
    }
}

/// File attributes to set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    pub size: Option<u64>,
    pub owner: Option<(u32, u32)>,
    pub mode: Option<u32>,
    /// Last access and last modification, in seconds since 1970.
    pub times: Option<(u32, u32)>,
}

/// A packet under construction.
#[derive(Debug)]
pub struct Packet(BytesMut);

impl Packet {
    pub fn new(kind: u8) -> Self {
        let mut packet = BytesMut::with_capacity(64);
        // Placeholder for its length.
        packet.put_u32(0);
        packet.put_u8(kind);
        Self(packet)
    }

    pub fn number(mut self, number: u32) -> Self {
        self.0.put_u32(number);
        self
    }

    pub fn long(mut self, number: u64) -> Self {
        self.0.put_u64(number);
        self
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.put_u32(bytes.len() as u32);
        self.0.put_slice(bytes);
        self
    }

    pub fn path(self, path: &OsStr) -> Self {
        self.bytes(path.as_bytes())
    }

    pub fn attributes(self, data: &Metadata) -> Self {
        let seconds = |seconds: i64| u32::try_from(seconds).unwrap_or(0);
        self.number(SIZE | OWNER | PERMISSIONS | TIMES)
            .long(data.len())
            .number(data.uid())
            .number(data.gid())
            .number(data.mode())
            .number(seconds(data.atime()))
            .number(seconds(data.mtime()))
    }

    /// A name without attributes.
    pub fn no_attributes(self) -> Self {
        self.number(0)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn append(mut self, other: &Self) -> Self {
        // Skip its length and kind.
        self.0.extend_from_slice(&other.0[5..]);
        self
    }

    pub fn finish(mut self) -> Bytes {
        let length = (self.0.len() - 4) as u32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0.freeze()
    }
}
