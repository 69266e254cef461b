//! The protocol of one connection. All answers have the layout of a preamble's answer
//! (`kt-runtime/src/wire/preamble.rs`): a code, the length of a text (`u16`, little endian), the
//! text.
//!
//! ```text
//! client: a preamble with purpose `t`
//! stage:  4, facts
//! client: offer: format u8 = 1 (zstd) | length u64 LE | compressed length u64 LE
//!         | blake3 of the uncompressed host
//! stage:  0, how many compressed bytes it already has, in decimal; or 1 and a reason
//! client: the rest of the compressed bytes
//! stage:  0 and no text; or 1 and a reason, also during the upload
//! ```
//! Then the first stage executes the host, and the client sends its preamble again. The host
//! answers it; if it cannot be executed, the first stage answers with the reason in its facts.

use crate::{
    Stage,
    blake3::Hasher,
    facts,
    sys::{self, Clock, Errno, Fd, Map, Wakeup},
    text::Text,
    zstd::Decoder,
};

/// Timeout for the preamble, milliseconds.
const HANDSHAKE: u64 = 5_000;
/// Timeout for each later read, milliseconds: the client may have to compress the host first.
const STALLED: u64 = 60_000;
/// How long to drain the connection of a refused client, milliseconds.
const DRAIN: u64 = 2_000;
/// Largest host, bytes.
const LARGEST: u64 = 1 << 30;

const WELCOME: u8 = 0;
const REFUSED: u8 = 1;
const FORBIDDEN: u8 = 2;
const NO_WORKER: u8 = 3;
const STAGE: u8 = 4;

/// Format, two lengths and a hash.
const OFFER: usize = 1 + 8 + 8 + 32;
/// Most bytes per read.
const PIECE: usize = 256 << 10;

const WRITE_FAILED: &str = "failed to write the host: ";

pub enum Outcome {
    /// The connection is closed or unusable.
    Closed,
    /// A signal arrived.
    Signal,
    HostReceived,
}

/// Why a conversation stops early.
enum Stop {
    Outcome(Outcome),
    /// The client receives the reason.
    Refuse(Text<512>),
}

impl From<Errno> for Stop {
    /// An error of the connection: the peer closed it.
    fn from(_: Errno) -> Self {
        Self::Outcome(Outcome::Closed)
    }
}

impl Stop {
    /// Refuses the client because of a failed system call.
    fn refuse(what: &'static str) -> impl Fn(Errno) -> Self + Copy {
        move |error| Self::Refuse(Text::of(what).and(error))
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
        match self.receive_host(connection) {
            Ok(()) => Outcome::HostReceived,
            Err(Stop::Outcome(outcome)) => outcome,
            Err(Stop::Refuse(reason)) => {
                let _ = answer(connection, REFUSED, reason.bytes());
                // Closing with unread bytes resets the connection, and the client could lose the
                // answer: `tcp(7)`.
                let deadline = Clock::now() + DRAIN;
                let mut rest = [0; 4096];
                while let Ok(1..) = self.read(connection, &mut rest, deadline) {}
                Outcome::Closed
            }
        }
    }

    fn receive_host(&mut self, connection: &Fd) -> Step<()> {
        self.authenticate(connection)?;
        let facts = facts::collect(&self.files, self.problem.bytes());
        answer(connection, STAGE, facts.bytes())?;
        let mut bytes = [0; OFFER];
        self.read_exact(connection, &mut bytes, Clock::now() + STALLED)?;
        self.receive(connection, Offer::parse(bytes)?)
    }

    /// Reads the preamble. Its layout is the same in all versions, so the version is ignored.
    fn authenticate(&self, connection: &Fd) -> Step<()> {
        let deadline = Clock::now() + HANDSHAKE;
        let mut head = [0; 7];
        self.read_exact(connection, &mut head, deadline)?;
        let length = usize::from(u16::from_le_bytes([head[5], head[6]]));
        let mut token = [0; crate::TOKEN];
        let token = match token.get_mut(..length) {
            Some(token) if head.starts_with(b"KT") => token,
            _ => return Err(Stop::Outcome(Outcome::Closed)),
        };
        self.read_exact(connection, token, deadline)?;
        let refusal = if !equal(token, self.token) {
            (FORBIDDEN, &b""[..])
        } else if head[4] != b't' {
            (NO_WORKER, &b"the pod has not received the host yet"[..])
        } else {
            return Ok(());
        };
        answer(connection, refusal.0, refusal.1)?;
        Err(Stop::Outcome(Outcome::Closed))
    }

    /// Receives the host and decompresses it at the same time.
    fn receive(&mut self, connection: &Fd, offer: Offer) -> Step<()> {
        let no_memory = Stop::refuse("failed to allocate memory for the host: ");
        let mut compressed = Map::zeroed(offer.compressed).map_err(no_memory)?;
        let mut content = Map::zeroed(offer.length).map_err(no_memory)?;
        let (part, mut received) = self.resume(&offer, &mut compressed)?;
        let new = self.files.create().map_err(Stop::refuse(WRITE_FAILED))?;
        let mut count = Text::<32>::new();
        count.add_number(received as u64);
        answer(connection, WELCOME, count.bytes())?;

        let mut unpacker = Unpacker {
            decoder: Decoder::new(),
            hasher: Hasher::new(),
            written: 0,
        };
        loop {
            if let Err(reason) = unpacker.advance(&compressed[..received], &mut content, &new) {
                self.files.remove_part();
                return Err(Stop::Refuse(reason));
            }
            if received == offer.compressed {
                break;
            }
            let end = offer.compressed.min(received + PIECE);
            let buffer = &mut compressed[received..end];
            let read = self.read(connection, buffer, Clock::now() + STALLED)?;
            if read == 0 {
                return Err(Stop::Outcome(Outcome::Closed));
            }
            if let Err(error) = sys::write_all(&part, &buffer[..read]) {
                self.files.remove_part();
                return Err(Stop::refuse(WRITE_FAILED)(error));
            }
            received += read;
        }
        // A file that is open for writing cannot be executed: ETXTBSY.
        drop(new);
        let is_complete = unpacker.decoder.is_done() && unpacker.written == offer.length;
        if !is_complete || unpacker.hasher.finish() != offer.hash {
            self.files.remove_part();
            let reason = "the host was corrupted on its way: its hash differs";
            return Err(Stop::Refuse(Text::of(reason)));
        }
        let committed = self.files.commit(&offer.hash);
        committed.map_err(Stop::refuse(WRITE_FAILED))?;
        answer(connection, WELCOME, b"")?;
        Ok(())
    }

    /// Opens the partial upload. Returns it with the number of bytes that it has of this offer, and
    /// copies these to `compressed`.
    fn resume(&self, offer: &Offer, compressed: &mut [u8]) -> Step<(Fd, usize)> {
        let failed = Stop::refuse(WRITE_FAILED);
        let part = self.files.open_part().map_err(failed)?;
        let mut head = [0; OFFER];
        if sys::read_full(&part, &mut head) == Ok(OFFER) && head == offer.bytes {
            let received = sys::read_full(&part, compressed).map_err(failed)?;
            return Ok((part, received));
        }
        drop(part);
        self.files.remove_part();
        let part = self.files.open_part().map_err(failed)?;
        sys::write_all(&part, &offer.bytes).map_err(failed)?;
        Ok((part, 0))
    }

    fn read_exact(&self, connection: &Fd, buffer: &mut [u8], deadline: u64) -> Step<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(connection, &mut buffer[filled..], deadline)? {
                0 => return Err(Stop::Outcome(Outcome::Closed)),
                read => filled += read,
            }
        }
        Ok(())
    }

    /// Waits until `deadline` for bytes and reads them.
    fn read(&self, connection: &Fd, buffer: &mut [u8], deadline: u64) -> Step<usize> {
        loop {
            let timeout = deadline.saturating_sub(Clock::now());
            match sys::wait(connection, &self.signals, Some(timeout)) {
                Wakeup::Signal => return Err(Stop::Outcome(Outcome::Signal)),
                Wakeup::Timeout => return Err(Stop::Outcome(Outcome::Closed)),
                Wakeup::Readable => match sys::receive(connection, buffer) {
                    Err(Errno::AGAIN) => {}
                    done => return Ok(done?),
                },
            }
        }
    }
}

impl Offer {
    fn parse(bytes: [u8; OFFER]) -> Step<Self> {
        let number = |at: usize| {
            let word = bytes[at..].first_chunk::<8>().copied().unwrap_or_default();
            u64::from_le_bytes(word)
        };
        let (length, compressed) = (number(1), number(9));
        if bytes[0] != 1 || length > LARGEST || compressed > LARGEST {
            let reason = "the host has an unknown format or is larger than 1 GiB";
            return Err(Stop::Refuse(Text::of(reason)));
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

/// Decompresses received bytes into a file and hashes them.
struct Unpacker {
    decoder: Decoder,
    hasher: Hasher,
    written: usize,
}

impl Unpacker {
    fn advance(&mut self, input: &[u8], output: &mut [u8], file: &Fd) -> Result<(), Text<512>> {
        if self.decoder.advance(input, output).is_err() {
            return Err(Text::of(
                "the host was corrupted on its way: it is not a zstd frame",
            ));
        }
        let new = &output[self.written..self.decoder.produced()];
        self.hasher.update(new);
        sys::write_all(file, new).map_err(|error| Text::of(WRITE_FAILED).and(error))?;
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

/// Compares in constant time.
fn equal(given: &[u8], expected: &[u8]) -> bool {
    let pairs = given.iter().zip(expected);
    let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
    given.len() == expected.len() && core::hint::black_box(difference) == 0
}
