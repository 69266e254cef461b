//! Files of saved states. A file starts with [`MAGIC`]. Then each state has a header (length and
//! encoding of [`Saved`]) and the pieces of its value (length and bytes; length 0 after the last).
//! A header of length 0 and a checksum over everything (FNV-1a, 64 bits) follow. Numbers are `u64`,
//! little endian.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    codec,
    wire::{limits, state::StateRefused},
};

const MAGIC: &[u8; 16] = b"kt states 1\n\0\0\0\0";

/// A state in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) key: String,
    pub(super) type_tokens: String,
    pub(super) version: u64,
    pub(super) layout: Option<String>,
    /// Set when reading: the length of its encoded value, and its start.
    #[serde(skip)]
    pub(super) bytes: u64,
    #[serde(skip)]
    start: u64,
}

impl Saved {
    pub(super) fn new(key: &str, type_tokens: &str, version: u64, layout: Option<String>) -> Self {
        Self {
            key: key.to_owned(),
            type_tokens: type_tokens.to_owned(),
            version,
            layout,
            bytes: 0,
            start: 0,
        }
    }
}

/// A file that is being written.
pub(super) struct Writer {
    file: BufWriter<File>,
    sum: u64,
    pub(super) bytes: u64,
}

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = File::options();
        // The file contains the values of the user's states: readable by the owner only.
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut writer = Self {
            file: BufWriter::new(file),
            sum: FNV,
            bytes: 0,
        };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum = fnv(self.sum, bytes);
        self.file.write_all(bytes)
    }

    fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(&(bytes.len() as u64).to_le_bytes())?;
        self.write(bytes)
    }

    pub(super) fn begin(&mut self, saved: &Saved) -> io::Result<()> {
        let header = codec::encode(saved, limits::CONTROL).map_err(io::Error::other)?;
        self.block(&header)
    }

    pub(super) fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        self.bytes += piece.len() as u64;
        if piece.is_empty() {
            return Ok(());
        }
        self.block(piece)
    }

    /// The current end of the file, to [take back](Self::take_back) what is written after it.
    pub(super) fn mark(&mut self) -> io::Result<Mark> {
        Ok(Mark {
            position: self.file.stream_position()?,
            sum: self.sum,
            bytes: self.bytes,
        })
    }

    pub(super) fn take_back(&mut self, mark: Mark) -> io::Result<()> {
        // Seeking flushes the buffer, so no buffered bytes are written after the truncation.
        self.file.seek(SeekFrom::Start(mark.position))?;
        self.file.get_ref().set_len(mark.position)?;
        (self.sum, self.bytes) = (mark.sum, mark.bytes);
        Ok(())
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        self.block(&[])
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.block(&[])?;
        let sum = self.sum;
        self.file.write_all(&sum.to_le_bytes())?;
        self.file.into_inner()?.sync_all()
    }
}

/// A position in a file that is being written.
pub(super) struct Mark {
    position: u64,
    sum: u64,
    bytes: u64,
}

/// A file whose checksum is correct.
pub(super) struct SavedFile {
    path: PathBuf,
    pub(super) entries: Vec<Saved>,
}

impl SavedFile {
    pub(super) fn open(path: &Path) -> Result<Self, StateRefused> {
        File::open(path)
            .and_then(|file| read_entries(BufReader::new(file)))
            .map(|entries| Self {
                path: path.to_owned(),
                entries,
            })
            .map_err(|error| StateRefused::File {
                reason: match error.kind() {
                    io::ErrorKind::UnexpectedEof => "unexpected end of file".to_owned(),
                    _ => error.to_string(),
                },
            })
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Saved> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The pieces of one state's value.
    pub(super) fn pieces(
        &self,
        saved: &Saved,
    ) -> Result<impl FnMut() -> Option<Vec<u8>> + Send + use<>, StateRefused> {
        let open = || {
            let mut file = BufReader::new(File::open(&self.path)?);
            file.seek(SeekFrom::Start(saved.start))?;
            io::Result::Ok(file)
        };
        let mut file = open().map_err(|error| StateRefused::File {
            reason: error.to_string(),
        })?;
        let mut ended = false;
        Ok(move || {
            // The following bytes belong to another state.
            if ended {
                return None;
            }
            let piece = block(&mut file, &mut FNV.clone()).ok()?;
            ended = piece.is_empty();
            (!ended).then_some(piece)
        })
    }
}

fn read_entries(mut file: impl Read + Seek) -> io::Result<Vec<Saved>> {
    let mut sum = FNV;
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(io::Error::other(
            "not a file of saved states, or written by another version of kt",
        ));
    }
    sum = fnv(sum, &magic);
    let mut entries = Vec::new();
    loop {
        let header = block(&mut file, &mut sum)?;
        if header.is_empty() {
            break;
        }
        let mut saved: Saved = codec::decode(&header).map_err(io::Error::other)?;
        if entries.iter().any(|other: &Saved| other.key == saved.key) {
            return Err(io::Error::other("it contains a state twice"));
        }
        saved.start = file.stream_position()?;
        loop {
            let piece = block(&mut file, &mut sum)?;
            if piece.is_empty() {
                break;
            }
            saved.bytes += piece.len() as u64;
        }
        entries.push(saved);
    }
    let mut written = [0; 8];
    file.read_exact(&mut written)?;
    if u64::from_le_bytes(written) != sum {
        return Err(io::Error::other("the file is damaged: checksum mismatch"));
    }
    Ok(entries)
}

fn block(file: &mut impl Read, sum: &mut u64) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    *sum = fnv(*sum, &length);
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    // Reads only the bytes that exist: a wrong length must not allocate memory.
    if file.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *sum = fnv(*sum, &bytes);
    Ok(bytes)
}

/// FNV-1a's start: <http://www.isthe.com/chongo/tech/comp/fnv/>.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Parses the blocks of a file with a correct start and checksum.
#[cfg(all(feature = "host", any(test, fuzzing)))]
pub(crate) fn fuzz(blocks: &[u8]) {
    let mut bytes = [MAGIC, blocks].concat();
    let sum = fnv(FNV, &bytes);
    bytes.extend(sum.to_le_bytes());
    let _ = read_entries(io::Cursor::new(bytes));
}

#[cfg(all(test, feature = "host"))]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let block = |bytes: &[u8]| [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat();
    let header = codec::encode(&Saved::new("app::S", "u8", 1, Some("layout".into())), 1000);
    let header = block(&header.unwrap_or_default());
    let state = [header, block(b"value"), block(b"")].concat();
    vec![[&state[..], &block(b"")].concat()]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn saved(folder: &Path) -> PathBuf {
        let path = folder.join("states");
        let mut writer = Writer::create(&path).expect("a new file");
        for (key, pieces) in [("one", vec![vec![1, 2], vec![3]]), ("two", vec![vec![4]])] {
            writer
                .begin(&Saved::new(key, "u8", 0, None))
                .expect("a header is written");
            for piece in pieces {
                writer.piece(&piece).expect("a piece is written");
            }
            writer.end().expect("an end is written");
        }
        writer.finish().expect("a checksum is written");
        path
    }

    #[test]
    fn reading_past_a_states_last_piece_returns_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SavedFile::open(&saved(folder.path())).expect("a whole file");
        let one = file.entry("one").expect("a state");
        assert_eq!(one.bytes, 3);
        let mut pieces = file.pieces(one).expect("the file is there");
        let read: Vec<_> = std::iter::from_fn(&mut pieces).collect();
        assert_eq!(read, [vec![1, 2], vec![3]]);
        assert_eq!((pieces(), pieces()), (None, None));
    }

    #[test]
    fn taken_back_writes_leave_no_trace_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = fs::read(saved(folder.path())).expect("a file");
        let path = folder.path().join("taken-back");
        let mut writer = Writer::create(&path).expect("a new file");
        let write = |writer: &mut Writer, key, pieces: &[&[u8]]| {
            writer
                .begin(&Saved::new(key, "u8", 0, None))
                .expect("a header is written");
            for piece in pieces {
                writer.piece(piece).expect("a piece is written");
            }
        };
        write(&mut writer, "one", &[&[1, 2], &[3]]);
        writer.end().expect("an end is written");
        let mark = writer.mark().expect("a position");
        // More than any buffer holds.
        write(&mut writer, "failed", &[&[7; 100_000], &[8]]);
        writer.take_back(mark).expect("a shorter file");
        write(&mut writer, "two", &[&[4]]);
        writer.end().expect("an end is written");
        assert_eq!(writer.bytes, 4);
        writer.finish().expect("a checksum is written");
        assert_eq!(fs::read(&path).expect("a file"), whole);
    }

    #[test]
    fn a_wrong_length_is_refused_despite_a_correct_checksum() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("states");
        // A header that claims a key of 2^40 bytes.
        let header = [253, 0, 0, 0, 0, 0, 1, 0, 0];
        let mut bytes = MAGIC.to_vec();
        for block in [&header[..], &[], &[]] {
            bytes.extend((block.len() as u64).to_le_bytes());
            bytes.extend(block);
        }
        bytes.extend(fnv(FNV, &bytes).to_le_bytes());
        fs::write(&path, &bytes).expect("a file");
        assert!(SavedFile::open(&path).is_err());
    }

    #[test]
    fn a_truncated_or_changed_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = saved(folder.path());
        let whole = fs::read(&path).expect("the file");
        let mut refused = 0;
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("a shorter file");
            refused += usize::from(SavedFile::open(&path).is_err());
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).expect("another file");
            refused += usize::from(SavedFile::open(&path).is_err());
        }
        assert_eq!(refused, 2 * whole.len());
    }
}
