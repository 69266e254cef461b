//! What the tests compare.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{Codec, Decoder, Encoded, Encoder, ThreadKind, Types},
    shape::Shape,
};

pub(super) const LIMIT: usize = 64 << 20;

/// What a function that returns `T` knows of it.
pub(super) fn types<T: DeserializeOwned>() -> Types {
    let mut shape = Shape::default();
    shape.output::<T>();
    shape.finish().output
}

pub(super) fn encode<T: Serialize>(types: &Types, value: &T) -> Result<Encoded, String> {
    let put = |to: &mut Encoder| to.put(value);
    types
        .encode(LIMIT, ThreadKind::Blocking, put)
        .map_err(|error| error.to_string())
}

pub(super) fn decode<T: DeserializeOwned>(types: &Types, sent: &Encoded) -> Result<T, String> {
    let take = |from: &mut Decoder<'_>| from.take::<T>();
    types
        .decode(&sent.bytes, sent.codec, ThreadKind::Blocking, take)
        .map_err(|error| error.to_string())
}

/// A value as the other end of a call has it, and how it got there.
pub(super) fn sent<T: Serialize + DeserializeOwned>(value: &T) -> (Result<T, String>, Codec) {
    let types = types::<T>();
    match encode(&types, value) {
        Ok(sent) => (decode(&types, &sent), sent.codec),
        Err(error) => (Err(error), Codec::Named),
    }
}

/// Checks that a call carries a value as serde_json does. What serde_json cannot carry arrives as
/// it was, or not at all.
#[track_caller]
pub(super) fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Codec {
    let text = serde_json::to_string(value);
    let json: Result<T, _> = text.and_then(|text| serde_json::from_str(&text));
    let (sent, codec) = sent(value);
    match (&json, &sent) {
        (Ok(json), _) => assert_eq!(sent.as_ref(), Ok(json), "{codec:?}"),
        (Err(_), Ok(sent)) => assert_eq!(sent, value, "{codec:?}"),
        (Err(_), Err(_)) => {}
    }
    codec
}

#[track_caller]
pub(super) fn all_same<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) {
    for value in values {
        same(value);
    }
    // One function's values share what is known of its types.
    let types = types::<T>();
    for value in values {
        let json = serde_json::to_string(value).and_then(|text| serde_json::from_str(&text));
        if let Ok(json) = json {
            let sent = encode(&types, value).and_then(|sent| decode::<T>(&types, &sent));
            assert_eq!(sent, Ok(json));
        }
    }
}
