//! The encoding of an object on the wire: as it is, compressed, or as a patch.
//! `docs/design/delta.md` has the measurements behind the constants.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use kt::{
    delta,
    wire::{ObjectId, limits, upload::Encoding},
};
use zstd::{
    stream::read,
    zstd_safe::{self, CCtx, CParameter},
};

use super::{Reference, Transport};

/// zstd's level for whole objects: the next ones save 4 % but take 1.5 times as long.
const WHOLE_LEVEL: i32 = 3;
/// zstd's level for patches. With one hash table entry for each byte of the reference, it finds
/// nearly all that the levels with chains and trees find, in a tenth of their time.
const PATCH_LEVEL: i32 = 2;
/// For references of this length or longer, in bytes, long distance matching replaces the large
/// table, whose every access would be a cache miss.
const LONG: usize = 4 << 20;
/// Part of every recipe. Change it with any parameter.
const PARAMETERS: u32 = 1;
/// A patch of at most this fraction of its object is used without compressing the object for
/// comparison: none compresses so well.
const CLEARLY_SMALLER: usize = 4;
/// Bytes for each read and each send.
const PIECE: usize = 256 << 10;

/// An object as it is sent.
#[derive(Debug)]
pub(super) struct Encoded {
    pub encoding: Encoding,
    /// Length of the object, bytes.
    pub length: u64,
    path: Utf8PathBuf,
    /// The whole stream; `None` if it is encoded while it is sent.
    ready: Option<Vec<u8>>,
}

/// Part of an encoded stream.
#[derive(Debug)]
pub(super) struct Piece {
    pub bytes: Bytes,
    /// Bytes of the object that are encoded up to the end of this part.
    pub covered: u64,
}

/// Chooses the encoding. Blocking; takes as long as creating a patch, if there is a reference.
pub(super) fn choose(
    path: &Utf8Path,
    transport: Transport,
    reference: Option<&Reference>,
) -> io::Result<Encoded> {
    let mut encoded = whole(path, transport)?;
    let Some(reference) = reference.filter(|_| transport == Transport::Network) else {
        return Ok(encoded);
    };
    if encoded.length > limits::PATCHED {
        return Ok(encoded);
    }
    // Without its reference, or if that file changed, the object is sent whole.
    let Some(former) = read_reference(reference) else {
        return Ok(encoded);
    };
    let object = std::fs::read(path)?;
    let clearly_smaller = object.len() / CLEARLY_SMALLER;
    let patch = patch(former, object)?;
    if patch.len() > clearly_smaller {
        let compressed = compress(&std::fs::read(path)?)?;
        if compressed.len() <= patch.len() {
            encoded.ready = Some(compressed);
            return Ok(encoded);
        }
    }
    encoded.encoding = Encoding::Patch {
        reference: reference.id,
        recipe: recipe("patch"),
    };
    encoded.ready = Some(patch);
    Ok(encoded)
}

/// The encoding that needs no object of the service.
pub(super) fn whole(path: &Utf8Path, transport: Transport) -> io::Result<Encoded> {
    Ok(Encoded {
        encoding: match transport {
            Transport::SameHost => Encoding::Identity,
            Transport::Network => Encoding::Zstd {
                recipe: recipe("whole"),
            },
        },
        length: std::fs::metadata(path)?.len(),
        path: path.to_owned(),
        ready: None,
    })
}

fn recipe(kind: &str) -> String {
    format!("{}-{kind}-{PARAMETERS}", zstd_safe::version_string())
}

fn read_reference(reference: &Reference) -> Option<Vec<u8>> {
    let length = std::fs::metadata(&reference.path).ok()?.len();
    let former = (length <= limits::PATCHED)
        .then(|| std::fs::read(&reference.path).ok())
        .flatten()?;
    (ObjectId(*blake3::hash(&former).as_bytes()) == reference.id).then_some(former)
}

/// The patch from `reference` to `object`: a zstd frame, as `zstd --patch-from` writes it for files
/// whose [addresses are settled](delta).
///
/// # Errors
/// If zstd cannot allocate memory.
pub fn patch(mut reference: Vec<u8>, mut object: Vec<u8>) -> io::Result<Vec<u8>> {
    delta::settle(&mut reference);
    delta::settle(&mut object);
    let mut context = context(PATCH_LEVEL)?;
    // The window must reach from the end of the object to the start of the reference.
    let both = (reference.len() + object.len()).max(1 << 17) as u64;
    set(&mut context, CParameter::WindowLog(log2(both)))?;
    if reference.len() > LONG {
        set(&mut context, CParameter::EnableLongDistanceMatching(true))?;
    } else {
        let entries = (reference.len() as u64).clamp(1 << 17, 1 << 20);
        set(&mut context, CParameter::HashLog(log2(entries)))?;
    }
    context.ref_prefix(&reference).map_err(error)?;
    let mut patch = Vec::with_capacity(zstd_safe::compress_bound(object.len()));
    context.compress2(&mut patch, &object).map_err(error)?;
    Ok(patch)
}

/// The object compressed without a reference, with the parameters of one that is compressed while
/// it is sent.
///
/// # Errors
/// If zstd cannot allocate memory.
pub fn compress(object: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::with_capacity(object.len() / 2);
    compressor(object, object.len() as u64)?.read_to_end(&mut compressed)?;
    Ok(compressed)
}

fn compressor<R: Read>(object: R, length: u64) -> io::Result<read::Encoder<'static, BufReader<R>>> {
    let mut encoder = read::Encoder::new(object, WHOLE_LEVEL)?;
    encoder.set_pledged_src_size(Some(length))?;
    Ok(encoder)
}

fn context(level: i32) -> io::Result<CCtx<'static>> {
    let mut context =
        CCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    set(&mut context, CParameter::CompressionLevel(level))?;
    Ok(context)
}

fn set(context: &mut CCtx<'_>, parameter: CParameter) -> io::Result<()> {
    context.set_parameter(parameter).map(drop).map_err(error)
}

fn error(code: usize) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code).to_ascii_lowercase())
}

/// The exponent of the smallest power of two that holds it.
fn log2(number: u64) -> u32 {
    number.next_power_of_two().trailing_zeros()
}

impl Encoded {
    /// Encodes the object if needed, and passes the stream from `offset` on to `take` until that
    /// returns false. Blocking.
    ///
    /// # Errors
    /// If the object cannot be read.
    pub fn produce(&self, offset: u64, mut take: impl FnMut(Piece) -> bool) -> io::Result<()> {
        if let Some(ready) = &self.ready {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = ready.get(offset..).unwrap_or_default();
            for (index, bytes) in rest.chunks(PIECE).enumerate() {
                let sent = offset + index * PIECE + bytes.len();
                let covered = self.length * sent as u64 / ready.len() as u64;
                let bytes = Bytes::copy_from_slice(bytes);
                if !take(Piece { bytes, covered }) {
                    break;
                }
            }
            return Ok(());
        }
        let mut file = File::open(&self.path)?;
        if self.encoding == Encoding::Identity {
            file.seek(SeekFrom::Start(offset))?;
            return pieces(&mut file, offset, |_, at| at, take);
        }
        let counted = Counted { file, read: 0 };
        let mut encoder = compressor(counted, self.length)?;
        io::copy(&mut encoder.by_ref().take(offset), &mut io::sink())?;
        pieces(
            &mut encoder,
            offset,
            |encoder, _| encoder.get_ref().get_ref().read,
            take,
        )
    }
}

/// Reads to the end. `covered` maps a position in the stream to one in the object.
fn pieces<R: Read>(
    stream: &mut R,
    offset: u64,
    covered: impl Fn(&R, u64) -> u64,
    mut take: impl FnMut(Piece) -> bool,
) -> io::Result<()> {
    let mut at = offset;
    loop {
        let mut bytes = Vec::with_capacity(PIECE);
        stream.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
        at += bytes.len() as u64;
        let piece = Piece {
            covered: covered(stream, at),
            bytes: bytes.into(),
        };
        if piece.bytes.is_empty() || !take(piece) {
            return Ok(());
        }
    }
}

/// A file that counts the bytes read.
struct Counted {
    file: File,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(into)?;
        self.read += length as u64;
        Ok(length)
    }
}
