//! Fuzz targets: everything that parses bytes from a peer or a file. Used by cargo-fuzz in `fuzz/`,
//! and by the tests, which drive them with their own generator on any toolchain.
//!
//! Each target must return for any bytes, with memory bounded by their length.

#[cfg(test)]
mod generate;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use bytes::BytesMut;
use serde::{Deserialize, Serialize, de::DeserializeOwned, de::IgnoredAny};
use tokio::runtime::{Builder, Runtime};

use crate::{
    codec::{self, Codec, CodecError, Decoder, Encoder, ThreadKind, Types, on_own_thread_blocking},
    delta, host,
    shape::Shape,
    wire::{
        control::{Death, Down, LogRequest, SetTtl, Status, SwapRefused, SwapRequest, Swapped},
        data::{Fault, Output, Symbol, Symbolize},
        driver::DriverConfig,
        files::{CopyRequest, FromReceiver, FromSender},
        frame,
        inspect::{Inspection, LogPiece},
        limits,
        manifest::Manifest,
        preamble::{self, Purpose},
        state::{Moved, StateAnswer, StateRefused, StateRequest},
        upload::{Missing, Wanted},
        worker::{FromWorker, ToWorker},
    },
    worker,
};

/// Both sides of a preamble.
pub fn preamble(data: &[u8]) {
    let _ = at_once(preamble::receive(&mut { data }));
    let mut stream = tokio::io::join(data, tokio::io::sink());
    let _ = at_once(preamble::call_on(
        &mut stream,
        Purpose::Control,
        b"token",
        limits::HEARD,
    ));
}

/// Frames in a stream that arrives in pieces.
pub fn frames(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else {
        return;
    };
    let (mut to_worker, mut output) = (BytesMut::new(), BytesMut::new());
    let mut pieces = BytesMut::new();
    for piece in data.chunks(usize::from(*cut).max(1)) {
        to_worker.extend_from_slice(piece);
        output.extend_from_slice(piece);
        pieces.extend_from_slice(piece);
        while let Ok(Some(_)) = frame::decode::<ToWorker>(&mut to_worker, limits::WORKER_MESSAGE) {}
        while let Ok(Some(_)) = frame::decode::<Output>(&mut output, limits::CONTROL) {}
        while let Ok(Some(_)) = frame::decode::<LogPiece>(&mut pieces, limits::CONTROL) {}
    }
}

/// Each kind of message, chosen by the first byte.
pub fn message(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let kinds: &[fn(&[u8])] = &[
        one::<Manifest>,
        one::<SwapRequest>,
        one::<Result<Swapped, SwapRefused>>,
        one::<StateRequest>,
        one::<Result<StateAnswer, StateRefused>>,
        one::<Result<Moved, StateRefused>>,
        one::<ToWorker>,
        one::<FromWorker>,
        one::<Status>,
        one::<Option<Death>>,
        one::<LogRequest>,
        one::<SetTtl>,
        one::<Down>,
        one::<Wanted>,
        one::<Missing>,
        one::<Fault>,
        one::<Output>,
        one::<Symbolize>,
        one::<Vec<Symbol>>,
        one::<DriverConfig>,
        one::<crate::Error>,
        one::<Inspection>,
        one::<LogPiece>,
        one::<CopyRequest>,
        one::<FromSender>,
        one::<FromReceiver>,
    ];
    kinds[usize::from(*kind) % kinds.len()](data);
}

fn one<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let Ok(message) = codec::decode::<T>(data) else {
        return;
    };
    // Every decoded message can be encoded.
    let again = codec::encode(&message, usize::MAX).expect("a message is encoded");
    codec::decode::<T>(&again).expect("it is decoded again");
}

/// Bodies of calls: the first byte chooses the codec and the type.
pub fn value(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let codec = match kind % 2 {
        0 => Codec::Compact,
        _ => Codec::Named,
    };
    if *kind == u8::MAX {
        return ignored(data);
    }
    body(&BODIES[usize::from(kind / 2) % BODIES.len()], data, codec);
}

/// A test of bodies of one type.
struct Body {
    /// Computed once: tracing a type takes longer than a case.
    types: Types,
    round_trip: fn(&Types, &[u8], Codec, ThreadKind) -> Result<(), CodecError>,
}

static BODIES: LazyLock<[Body; 6]> = LazyLock::new(|| {
    [
        Body::of::<Tree>(),
        Body::of::<Vec<Vec<()>>>(),
        Body::of::<BTreeMap<String, Option<char>>>(),
        Body::of::<(i128, u128, f32, f64, bool, [u16; 3])>(),
        Body::of::<Vec<Loose>>(),
        Body::of::<Result<u8, crate::Error>>(),
    ]
});

impl Body {
    fn of<T: Serialize + DeserializeOwned + 'static>() -> Self {
        let mut shape = Shape::default();
        shape.output::<T>();
        Self {
            types: shape.finish().output,
            round_trip: round_trip::<T>,
        }
    }
}

/// A recursive type.
#[derive(Debug, Serialize, Deserialize)]
enum Tree {
    Node(Vec<Tree>),
    Next { value: Option<Box<Tree>> },
    Leaf(String),
    Nil,
}

/// A self-describing type.
#[derive(Debug, Serialize, Deserialize)]
struct Loose {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    #[serde(flatten)]
    more: BTreeMap<String, Untagged>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Many(Vec<Untagged>),
}

fn round_trip<T: Serialize + DeserializeOwned>(
    types: &Types,
    data: &[u8],
    codec: Codec,
    place: ThreadKind,
) -> Result<(), CodecError> {
    let take = |from: &mut Decoder<'_>| from.take::<T>();
    let value = types.decode(data, codec, place, take)?;
    let put = |to: &mut Encoder| to.put(&value);
    let sent = types.encode(usize::MAX, place, put)?;
    // Every decoded value can be encoded, and decoding restores it.
    let value = match types.decode(&sent.bytes, sent.codec, place, take) {
        Err(CodecError::NeedsOwnThread) => return Err(CodecError::NeedsOwnThread),
        arrived => arrived.expect("what was encoded is decoded"),
    };
    let put = |to: &mut Encoder| to.put(&value);
    let again = types.encode(usize::MAX, place, put)?;
    assert_eq!(again, sent);
    Ok(())
}

fn body(body: &'static Body, data: &[u8], codec: Codec) {
    let done = (body.round_trip)(&body.types, data, codec, ThreadKind::Blocking);
    // A value that is too deep for other threads is decoded on one with a large stack.
    if matches!(done, Err(CodecError::NeedsOwnThread)) {
        let data = data.to_vec();
        let _ = on_own_thread_blocking(move || {
            (body.round_trip)(&body.types, &data, codec, ThreadKind::Own)
        });
    }
}

fn ignored(data: &[u8]) {
    let types = Types::new(crate::Part::Result, None);
    let take = |from: &mut Decoder<'_>| from.take::<IgnoredAny>();
    let _ = types.decode(data, Codec::Named, ThreadKind::Blocking, take);
}

/// A file of saved states with a valid start and checksum.
pub fn saved(data: &[u8]) {
    worker::fuzz_saved(data);
}

/// An object that is uploaded compressed, and one that is uploaded as a patch.
pub fn object(data: &[u8]) {
    host::fuzz_object(data);
}

/// The addresses in an object's tables.
pub fn tables(data: &[u8]) {
    let mut object = data.to_vec();
    delta::settle(&mut object);
    delta::unsettle(&mut object);
}

/// Polls a future that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    // Timeouts need a clock, although they never fire.
    static CLOCK: LazyLock<Runtime> = LazyLock::new(|| {
        let clock = Builder::new_current_thread().enable_time().build();
        clock.expect("a runtime without I/O needs no resources")
    });
    let _clock = CLOCK.enter();
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future is pending"),
    }
}
