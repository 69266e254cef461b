//! The kinds of types that serde_json's own tests derive (serde-rs/json, tests/test.rs and
//! tests/regression).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::same::all_same;

#[test]
fn an_enum_with_every_kind_of_variant_arrives() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    enum Pet {
        Fish,
        Parrot(String, Vec<isize>),
        Horse { height: usize, stable: String },
        Bees(Vec<String>),
    }
    let all = || {
        vec![
            Pet::Fish,
            Pet::Parrot("Rio".into(), vec![]),
            Pet::Parrot("Rio".into(), vec![349, -102]),
            Pet::Horse {
                height: 5,
                stable: "east".into(),
            },
            Pet::Bees(vec!["Ada".into(), "Bo".into()]),
        ]
    };
    all_same(&all());
    all_same(&[all()]);
    all_same(&[Some(Pet::Fish), None]);
    all_same(&[BTreeMap::from([("hive".to_owned(), all())])]);
}

#[test]
fn structs_in_structs_arrive() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Leaf {
        nothing: (),
        count: usize,
        names: Vec<String>,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Tree {
        leaves: Vec<Leaf>,
    }
    let leaf = Leaf {
        nothing: (),
        count: 2,
        names: vec!["abc".into(), "xyz".into()],
    };
    all_same(&[Tree { leaves: vec![] }]);
    all_same(&[Tree {
        leaves: vec![leaf.clone(), leaf],
    }]);
}

#[test]
fn a_struct_around_one_value_arrives() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Named(BTreeMap<String, i32>);
    all_same(&[Named(BTreeMap::from([("inner".into(), 123)]))]);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Message {
        message: String,
    }
    all_same(&[Message {
        message: "hi there".into(),
    }]);
}

#[test]
fn options_arrive_under_any_name() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        x: Option<isize>,
    }
    all_same(&[Plain { x: None }, Plain { x: Some(5) }]);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        #[serde(rename = "y")]
        x: Option<u32>,
    }
    all_same(&[Renamed { x: None }, Renamed { x: Some(5) }]);
}

#[test]
fn numbers_in_tagged_and_untagged_enums_arrive() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Whole(i64),
    }
    all_same(&[Untagged::Whole(0), Untagged::Whole(i64::MIN)]);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Adjacent {
        Float(f32),
    }
    all_same(&[Adjacent::Float(159.1), Adjacent::Float(f32::MIN_POSITIVE)]);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum External {
        Byte(u8),
    }
    all_same(&[External::Byte(0), External::Byte(255)]);
}

#[test]
fn a_field_that_is_read_from_a_number_or_a_text_arrives() {
    fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(number),
            Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Loose {
        #[serde(deserialize_with = "number_or_text")]
        i: i64,
        after: u8,
    }
    all_same(&[Loose { i: 100, after: 7 }, Loose { i: -1, after: 0 }]);
}

#[test]
fn keys_that_are_texts_in_effect_arrive() {
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Key {
        One,
        Two,
    }
    all_same(&[BTreeMap::from([(Key::One, 1), (Key::Two, 2)])]);

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Wrapper(String);
    all_same(&[BTreeMap::from([
        (Wrapper("zero".into()), 0),
        (Wrapper("one".into()), 1),
    ])]);

    // A key that reads the text by itself.
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Parsed(usize);
    impl Serialize for Parsed {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&self.0)
        }
    }
    impl<'de> Deserialize<'de> for Parsed {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            text.parse().map(Self).map_err(serde::de::Error::custom)
        }
    }
    all_same(&[BTreeMap::from([(Parsed(1), ()), (Parsed(20), ())])]);
}
