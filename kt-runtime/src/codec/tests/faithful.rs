//! bincode where it is faithful, byte for byte, and only there.

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

use bincode::config;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::same::{decode, encode, same, sent, types};
use crate::{
    codec::{Codec, Types},
    error::Part,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Node { left: Box<Tree>, right: Box<Tree> },
    Leaf(Option<i16>),
    Pair(u8, char),
    Nil,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    numbers: (u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, usize),
    floats: Vec<(f32, f64)>,
    texts: BTreeMap<String, Option<char>>,
    tree: Tree,
    unit: (),
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    wrapped: Wrapped,
    skipped: Skipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped([bool; 2]);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Skipped {
    #[serde(skip)]
    cache: u8,
    kept: u8,
}

/// Values of every width that the encoding has.
fn everything(seed: u128) -> Everything {
    let n = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let tree = Tree::Node {
        left: Box::new(Tree::Leaf((!n.is_multiple_of(3)).then_some(n as i16))),
        right: Box::new(if n.is_multiple_of(2) {
            Tree::Nil
        } else {
            Tree::Pair(n as u8, 'ß')
        }),
    };
    let at = |bits: u32| n >> (bits % 128);
    Everything {
        numbers: (
            n as u8,
            at(3) as u16,
            at(100) as u32,
            at(90) as u64,
            at(seed as u32),
            n as i8,
            at(5) as i16,
            at(99) as i32,
            at(70) as i64,
            at(seed as u32) as i128 * if n.is_multiple_of(2) { -1 } else { 1 },
            at(110) as usize,
        ),
        floats: vec![(n as f32, -(n as f64)); (n % 4) as usize],
        texts: BTreeMap::from([(
            "k".repeat((n % 300) as usize),
            char::from_u32(n as u32 % 0x11_0000),
        )]),
        tree,
        unit: (),
        bytes: n.to_le_bytes().repeat((n % 40) as usize),
        wrapped: Wrapped([n.is_multiple_of(2), n.is_multiple_of(3)]),
        skipped: Skipped {
            cache: 0,
            kept: n as u8,
        },
    }
}

#[test]
fn what_is_faithful_has_the_bytes_of_bincode() {
    for seed in 0..2000 {
        let value = everything(seed);
        let types = types::<Everything>();
        let encoded = encode(&types, &value).unwrap();
        assert_eq!(encoded.codec, Codec::Compact);
        let theirs = bincode::serde::encode_to_vec(&value, config::standard()).unwrap();
        assert_eq!(encoded.bytes, theirs, "{value:?}");
        assert_eq!(decode(&types, &encoded).as_ref(), Ok(&value));
    }
}

fn codec<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Codec {
    same(value)
}

#[test]
fn only_what_may_arrive_as_another_value_takes_the_other_format() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Request {
        #[serde(default, skip_serializing_if = "is_zero")]
        retries: u8,
        amount: u16,
    }
    fn is_zero(n: &u8) -> bool {
        *n == 0
    }
    let request = |retries| Request {
        retries,
        amount: 300,
    };
    assert_eq!(codec(&request(0)), Codec::Named);
    assert_eq!(codec(&request(1)), Codec::Compact);
    assert_eq!(codec(&vec![1_u8, 2]), Codec::Compact);
    assert_eq!(codec(&Some(std::time::Duration::MAX)), Codec::Compact);
    assert_eq!(codec(&serde_json::json!(1)), Codec::Named);
    // A value without bytes has no end that bytes could set.
    assert_eq!(codec(&vec![(); 100]), Codec::Compact);
    assert_eq!(codec(&vec![(); 100_000]), Codec::Named);
}

#[test]
fn a_function_whose_values_were_not_faithful_once_does_not_try_again() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Loose {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
    }
    let types = types::<Loose>();
    let sent = |value: Loose| encode(&types, &value).unwrap().codec;
    assert_eq!(sent(Loose { a: Some(1) }), Codec::Compact);
    assert_eq!(sent(Loose { a: None }), Codec::Named);
    assert_eq!(sent(Loose { a: Some(1) }), Codec::Named);
}

#[test]
fn an_error_says_what_failed_and_where() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Login {
        user: String,
        #[serde(skip_serializing)]
        password: String,
    }
    let login = Login {
        user: "u".into(),
        password: "p".into(),
    };
    let error = sent(&vec![login]).0.unwrap_err();
    assert!(error.contains("`[0]` of `"), "{error}");
    assert!(
        error.contains("Login>`: missing field `password`\nhelp: "),
        "{error}"
    );

    let types = Types::new(Part::Arguments, None);
    let path: OsString = OsStringExt::from_vec(vec![0xff]);
    let path = PathBuf::from(path);
    let error = encode(&types, &BTreeMap::from([("key", path)])).unwrap_err();
    assert!(error.starts_with("`[0]` of argument 1 (`"), "{error}");
    assert!(
        error.ends_with("path contains invalid UTF-8 characters"),
        "{error}"
    );
}
