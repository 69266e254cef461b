//! What is said on one connection. All that is answered has the layout of a preamble's answer (`kt-runtime/src/wire/preamble.rs`):
//! a code, a text's length (`u16`, little endian), the text.
//!
//! ```text
//! client: a preamble with purpose `t`
//! stage:  4, facts
//! client: offer: format u8 = 1 (zstd) | length u64 LE | compressed length u64 LE | blake3 of the uncompressed host
//! stage:  0, how many compressed bytes are here already, in decimal; or 1 and why not
//! client: the rest of the compressed bytes
//! stage:  0 and nothing; or 1 and why not, also while they are being sent
//! ```
//! After the last the host is executed, and the client says its preamble again, to the host; or to the stage, whose facts
//! then say why there is no host.

use crate::{
    Stage,
    blake3::Hasher,
    facts,
    sys::{self, Clock, Errno, Fd, Map, Woken},
    text::Text,
    zstd::Decoder,
};

/// How long a client may take for its preamble, milliseconds.
const HANDSHAKE: u64 = 5_000;
/// How long it may then pause, milliseconds: it may still have to compress the host.
const STALLED: u64 = 60_000;
/// How long a client that was refused may take to notice, milliseconds.
const FAREWELL: u64 = 2_000;
/// Largest host, bytes.
const LARGEST: u64 = 1 << 30;

const WELCOME: u8 = 0;
const REFUSED: u8 = 1;
const FORBIDDEN: u8 = 2;
const NO_WORKER: u8 = 3;
const STAGE: u8 = 4;

/// Format, two lengths and a hash.
const OFFER: usize = 1 + 8 + 8 + 32;
/// Bytes that are taken at once.
const PIECE: usize = 256 << 10;

pub enum Outcome {
    /// The connection is of no use any more.
    Closed,
    /// A signal asked for the end.
    Asked,
    HostIsHere,
}

/// Why a conversation goes no further.
enum Stop {
    Outcome(Outcome),
    /// The client is told why.
    Refuse(Text<512>),
}

impl From<Errno> for Stop {
    /// Of the connection: the peer is gone.
    fn from(_: Errno) -> Self {
        Self::Outcome(Outcome::Closed)
    }
}

type Step<T> = Result<T, Stop>;

struct Offer {
    bytes: [u8; OFFER],
    length: usize,
    compressed: usize,
    hash: [u8; 32],
}

impl Stage<'_> {
    pub fn converse(&mut self, connection: &Fd) -> Outcome {
        match self.talk(connection) {
            Ok(()) => Outcome::HostIsHere,
            Err(Stop::Outcome(outcome)) => outcome,
            Err(Stop::Refuse(why)) => {
                let _ = answer(connection, REFUSED, why.bytes());
                // Closed with bytes unread, a connection is reset, and the answer could be lost: `tcp(7)`.
                let end = Clock::now() + FAREWELL;
                let mut rest = [0; 4096];
                while let Ok(1..) = self.read(connection, &mut rest, end) {}
                Outcome::Closed
            }
        }
    }

    fn talk(&mut self, connection: &Fd) -> Step<()> {
        self.greet(connection)?;
        let facts = facts::gather(&self.files, self.problem.bytes());
        answer(connection, STAGE, facts.bytes())?;
        let mut bytes = [0; OFFER];
        self.read_exact(connection, &mut bytes, Clock::now() + STALLED)?;
        self.take(connection, Offer::read(bytes)?)
    }

    /// Reads the preamble. Its layout is that of all versions, so the version does not matter.
    fn greet(&self, connection: &Fd) -> Step<()> {
        let end = Clock::now() + HANDSHAKE;
        let mut head = [0; 7];
        self.read_exact(connection, &mut head, end)?;
        let length = usize::from(u16::from_le_bytes([head[5], head[6]]));
        let mut token = [0; crate::TOKEN];
        let token = match token.get_mut(..length) {
            Some(token) if head.starts_with(b"KT") => token,
            _ => return Err(Stop::Outcome(Outcome::Closed)),
        };
        self.read_exact(connection, token, end)?;
        let refusal = if !equal(token, self.token) {
            (FORBIDDEN, &b""[..])
        } else if head[4] != b't' {
            (NO_WORKER, &b"the host has not arrived yet"[..])
        } else {
            return Ok(());
        };
        answer(connection, refusal.0, refusal.1)?;
        Err(Stop::Outcome(Outcome::Closed))
    }

    /// Takes the host, decompressing what is there while the rest is on its way.
    fn take(&mut self, connection: &Fd, offer: Offer) -> Step<()> {
        let refuse = |what: &str| {
            let what = Text::of(what);
            move |error| Stop::Refuse(what.and(error))
        };
        let memory = refuse("no memory for the host: ");
        let mut compressed = Map::zeroed(offer.compressed).map_err(memory)?;
        let memory = refuse("no memory for the host: ");
        let mut content = Map::zeroed(offer.length).map_err(memory)?;
        let (part, mut arrived) = self.resume(&offer, &mut compressed)?;
        let new = self.files.create();
        let new = new.map_err(refuse("failed to write the host: "))?;
        let mut count = Text::<32>::new();
        count.add_number(arrived as u64);
        answer(connection, WELCOME, count.bytes())?;

        let mut unpacking = Unpacking {
            decoder: Decoder::new(),
            hasher: Hasher::new(),
            written: 0,
        };
        loop {
            if let Err(why) = unpacking.advance(&compressed[..arrived], &mut content, &new) {
                self.files.remove_part();
                return Err(Stop::Refuse(why));
            }
            if arrived == offer.compressed {
                break;
            }
            let end = offer.compressed.min(arrived + PIECE);
            let place = &mut compressed[arrived..end];
            let read = self.read(connection, place, Clock::now() + STALLED)?;
            if read == 0 {
                return Err(Stop::Outcome(Outcome::Closed));
            }
            if let Err(error) = sys::write_all(&part, &place[..read]) {
                self.files.remove_part();
                return Err(refuse("failed to write the host: ")(error));
            }
            arrived += read;
        }
        // Written to, it could not be executed.
        drop(new);
        let whole = unpacking.decoder.is_done() && unpacking.written == offer.length;
        if !whole || unpacking.hasher.finish() != offer.hash {
            self.files.remove_part();
            let why = "the host did not arrive as it was sent: its hash is another";
            return Err(Stop::Refuse(Text::of(why)));
        }
        let placed = self.files.put_in_place(&offer.hash);
        placed.map_err(refuse("failed to write the host: "))?;
        answer(connection, WELCOME, b"")?;
        Ok(())
    }

    /// The file with what has arrived of this very offer, and how much that is; it is in `compressed` too.
    fn resume(&self, offer: &Offer, compressed: &mut [u8]) -> Step<(Fd, usize)> {
        let failed = |error| Stop::Refuse(Text::of("failed to write the host: ").and(error));
        let part = self.files.open_part().map_err(failed)?;
        let mut head = [0; OFFER];
        if sys::read_full(&part, &mut head) == Ok(OFFER) && head == offer.bytes {
            let arrived = sys::read_full(&part, compressed).map_err(failed)?;
            return Ok((part, arrived));
        }
        drop(part);
        self.files.remove_part();
        let part = self.files.open_part().map_err(failed)?;
        sys::write_all(&part, &offer.bytes).map_err(failed)?;
        Ok((part, 0))
    }

    fn read_exact(&self, connection: &Fd, buffer: &mut [u8], end: u64) -> Step<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(connection, &mut buffer[filled..], end)? {
                0 => return Err(Stop::Outcome(Outcome::Closed)),
                read => filled += read,
            }
        }
        Ok(())
    }

    /// What is there, waited for until `end`.
    fn read(&self, connection: &Fd, buffer: &mut [u8], end: u64) -> Step<usize> {
        loop {
            let patience = end.saturating_sub(Clock::now());
            match sys::wait(connection, &self.signals, Some(patience)) {
                Woken::Signal => return Err(Stop::Outcome(Outcome::Asked)),
                Woken::TimedOut => return Err(Stop::Outcome(Outcome::Closed)),
                Woken::Readable => match sys::receive(connection, buffer) {
                    Err(Errno::AGAIN) => {}
                    done => return Ok(done?),
                },
            }
        }
    }
}

impl Offer {
    fn read(bytes: [u8; OFFER]) -> Step<Self> {
        let number = |at: usize| {
            let word = bytes[at..].first_chunk::<8>().copied().unwrap_or_default();
            u64::from_le_bytes(word)
        };
        let (length, compressed) = (number(1), number(9));
        if bytes[0] != 1 || length > LARGEST || compressed > LARGEST {
            return Err(Stop::Refuse(Text::of("this stage takes no such host")));
        }
        let hash = bytes[17..].first_chunk::<32>().copied().unwrap_or_default();
        Ok(Self {
            bytes,
            length: length as usize,
            compressed: compressed as usize,
            hash,
        })
    }
}

/// From compressed bytes to a file and its hash, as far as the bytes go.
struct Unpacking {
    decoder: Decoder,
    hasher: Hasher,
    written: usize,
}

impl Unpacking {
    fn advance(&mut self, input: &[u8], output: &mut [u8], file: &Fd) -> Result<(), Text<512>> {
        if self.decoder.advance(input, output).is_err() {
            return Err(Text::of("what arrived cannot be decompressed"));
        }
        let new = &output[self.written..self.decoder.produced()];
        self.hasher.update(new);
        sys::write_all(file, new)
            .map_err(|error| Text::of("failed to write the host: ").and(error))?;
        self.written += new.len();
        Ok(())
    }
}

fn answer(connection: &Fd, code: u8, text: &[u8]) -> Result<(), Errno> {
    let mut bytes = Text::<4096>::new();
    bytes.add_bytes(&[code]);
    bytes.add_bytes(&(text.len() as u16).to_le_bytes());
    bytes.add_bytes(text);
    sys::send(connection, bytes.bytes())
}

/// Compares in a time that tells nothing about where the two differ.
fn equal(given: &[u8], expected: &[u8]) -> bool {
    let pairs = given.iter().zip(expected);
    let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
    given.len() == expected.len() && core::hint::black_box(difference) == 0
}
