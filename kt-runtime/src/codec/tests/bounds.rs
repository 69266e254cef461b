//! Bytes that no encoder wrote, and values that have no end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::same::{LIMIT, decode, types};
use crate::{
    codec::{
        self, Codec, CodecError, Decoder, Encoded, Encoder, ThreadKind, on_own_thread_blocking,
        thread::SHORT,
    },
    wire::{control::SwapRequest, worker::ToWorker},
};

#[test]
fn values_come_back_in_their_order() {
    let bytes = codec::encode(&(BTreeMap::from([("key", Some(-1_i64))]), u128::MAX), 1000).unwrap();
    let (map, number): (BTreeMap<String, Option<i64>>, u128) = codec::decode(&bytes).unwrap();
    assert_eq!((map["key"], number), (Some(-1), u128::MAX));
}

#[test]
fn a_value_over_the_limit_is_refused_while_it_is_encoded() {
    assert_eq!(
        codec::encode(&vec![0_u8; 100], 50),
        Err(CodecError::TooLarge { limit: 50 })
    );
}

#[test]
fn bytes_that_are_short_or_left_over_are_errors() {
    let bytes = codec::encode(&"text", 100).unwrap();
    assert!(codec::decode::<String>(&bytes[..3]).is_err());
    assert!(codec::decode::<u8>(&bytes).is_err());
}

/// A length of 2^40, and nothing behind it.
const HOSTILE: [u8; 9] = [253, 0, 0, 0, 0, 0, 1, 0, 0];

#[test]
fn a_length_takes_no_memory_before_its_bytes_are_there() {
    for error in [
        codec::decode::<String>(&HOSTILE).unwrap_err(),
        codec::decode::<serde_bytes::ByteBuf>(&HOSTILE).unwrap_err(),
        codec::decode::<Vec<u64>>(&HOSTILE).unwrap_err(),
        codec::decode::<Vec<[u64; 32]>>(&HOSTILE).unwrap_err(),
        codec::decode::<BTreeMap<u64, String>>(&HOSTILE).unwrap_err(),
        codec::decode::<SwapRequest>(&[&[1], &HOSTILE[..]].concat()).unwrap_err(),
        codec::decode::<ToWorker>(&[&[1], &HOSTILE[..]].concat()).unwrap_err(),
    ] {
        assert!(matches!(error, CodecError::Invalid(_)), "{error}");
    }
}

#[test]
fn elements_without_bytes_are_counted() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Empty {
        #[serde(skip)]
        large: [u64; 4],
    }
    let error = codec::decode::<Vec<Empty>>(&HOSTILE).unwrap_err();
    assert!(
        error.to_string().contains("elements without bytes"),
        "{error}"
    );
    assert!(codec::decode::<Vec<Vec<()>>>(&[&[2], &HOSTILE[..], &HOSTILE[..]].concat()).is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct List {
    value: u32,
    next: Option<Box<List>>,
}

impl Drop for List {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut list) = next {
            next = list.next.take();
        }
    }
}

fn list(depth: u32) -> List {
    (0..depth).fold(
        List {
            value: 0,
            next: None,
        },
        |list, value| List {
            value,
            next: Some(Box::new(list)),
        },
    )
}

#[test]
fn a_deep_value_takes_a_thread_with_a_large_stack_and_too_deep_a_one_is_an_error() {
    let encode = move |list: &List, place| {
        let put = |to: &mut Encoder| to.put(list);
        types::<List>().encode(LIMIT, place, put)
    };
    let take = move |sent: &Encoded, place| {
        let take = |from: &mut Decoder<'_>| from.take::<List>();
        types::<List>().decode(&sent.bytes, sent.codec, place, take)
    };
    assert!(encode(&list(10), ThreadKind::Task).is_ok());
    assert_eq!(
        encode(&list(4000), ThreadKind::Task),
        Err(CodecError::NeedsOwnThread)
    );
    assert_eq!(
        encode(&list(4000), ThreadKind::Blocking),
        Err(CodecError::NeedsOwnThread)
    );
    let sent = on_own_thread_blocking(move || encode(&list(4000), ThreadKind::Own))
        .unwrap()
        .unwrap();
    assert_eq!(
        take(&sent, ThreadKind::Task),
        Err(CodecError::NeedsOwnThread)
    );
    let bytes = sent.bytes.clone();
    assert_eq!(
        on_own_thread_blocking(move || take(&sent, ThreadKind::Own)).unwrap(),
        Ok(list(4000))
    );

    let error = on_own_thread_blocking(move || encode(&list(12_000), ThreadKind::Own)).unwrap();
    let error = error.unwrap_err().to_string();
    assert!(error.contains("nested more than 10000 levels"), "{error}");
    // As if another had encoded it: each level begins with its number and the mark that there is
    // one more.
    let mut deep = bytes[..bytes.len() - 2].repeat(3);
    deep.extend([0, 0]);
    for codec in [Codec::Compact, Codec::Named] {
        let deep = Encoded {
            bytes: deep.clone(),
            codec,
        };
        assert!(
            on_own_thread_blocking(move || take(&deep, ThreadKind::Own))
                .unwrap()
                .is_err()
        );
    }
}

#[test]
fn a_long_value_takes_a_thread_of_its_own() {
    let types = types::<String>();
    let long = "x".repeat(SHORT);
    let put = |to: &mut Encoder| to.put(&long);
    assert_eq!(
        types.encode(LIMIT, ThreadKind::Task, put),
        Err(CodecError::NeedsOwnThread)
    );
    let sent = types.encode(LIMIT, ThreadKind::Blocking, put).unwrap();
    let take = |from: &mut Decoder<'_>| from.take::<String>();
    let decoded = types.decode(&sent.bytes, sent.codec, ThreadKind::Task, take);
    assert_eq!(decoded, Err(CodecError::NeedsOwnThread));
    assert_eq!(decode(&types, &sent), Ok(long));
    let put = |to: &mut Encoder| to.put(&"x".repeat(100));
    assert_eq!(
        types.encode(50, ThreadKind::Task, put),
        Err(CodecError::TooLarge { limit: 50 })
    );
}
