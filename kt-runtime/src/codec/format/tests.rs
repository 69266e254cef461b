use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::*;

fn encode<T: Serialize>(reader: Reader, value: &T) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut sink = |chunk| {
        chunks.push(chunk);
        Ok(())
    };
    let mut encoder = Encoder::new(reader, &mut sink);
    encoder.put(value).expect("it is encoded");
    encoder.finish().expect("the sink takes all");
    chunks
}

fn decode<T: DeserializeOwned>(reader: Reader, chunks: Vec<Vec<u8>>) -> Result<T, FormatError> {
    let mut chunks = chunks.into_iter();
    let mut more = || chunks.next();
    let mut decoder = Decoder::new(reader, &mut more);
    let value = decoder.take()?;
    decoder.end()?;
    Ok(value)
}

fn become_<T: DeserializeOwned>(value: &impl Serialize) -> Result<T, FormatError> {
    let chunks = encode(Reader::Program, value);
    // Independent of how the bytes are split.
    let single: Vec<Vec<u8>> = chunks.concat().into_iter().map(|byte| vec![byte]).collect();
    let one: Result<T, FormatError> = decode(Reader::Program, chunks);
    let other: Result<T, FormatError> = decode(Reader::Program, single);
    assert_eq!(one.is_ok(), other.is_ok());
    one
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
    assert_eq!(become_::<T>(&value).as_ref(), Ok(&value));
    assert_eq!(
        decode::<T>(Reader::Person, encode(Reader::Person, &value)).as_ref(),
        Ok(&value)
    );
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Empty(),
    Round(f64),
    Unit(()),
    Corners(u8, u8),
    Named {
        name: String,
        inside: Box<Option<Shape>>,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(u32);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    x: i8,
    y: Option<char>,
}

#[test]
fn everything_that_serde_distinguishes_stays_distinct() {
    survives(());
    survives((true, false, 'ß', "text".to_owned()));
    survives((
        u8::MAX,
        i8::MIN,
        u64::MAX,
        i64::MIN,
        u128::MAX,
        i128::MIN,
        i128::from(i64::MAX) + 1,
    ));
    survives((0.1_f32, -0.0_f64, f64::INFINITY));
    survives(vec![None, Some(None), Some(Some(()))]);
    survives(Some(Some(Option::<u8>::None)));
    survives((Plain, Wrapped(7)));
    survives(BTreeMap::from([
        (
            Key {
                x: -1,
                y: Some('x'),
            },
            vec![1, 2],
        ),
        (Key { x: 0, y: None }, vec![]),
    ]));
    survives(BTreeMap::from(
        [((1_u8, true), "pair")].map(|(key, value)| (key, value.to_owned())),
    ));
    survives(HashMap::from([(u128::MAX, [0_u8; 32])]));
    let nested = Shape::Named {
        name: "n".into(),
        inside: Box::new(Some(Shape::Corners(1, 2))),
    };
    survives(vec![
        Shape::Nothing,
        Shape::Empty(),
        Shape::Round(0.5),
        Shape::Unit(()),
        nested,
    ]);
    survives("127.0.0.1".parse::<IpAddr>().expect("an address"));
}

#[test]
fn a_nan_keeps_its_bits() {
    let (narrow, wide) = (
        f32::from_bits(0x7fc0_1234),
        f64::from_bits(0x7ff8_0000_dead_beef),
    );
    let (one, two): (f32, f64) = become_(&(narrow, wide)).expect("numbers");
    assert_eq!(
        (one.to_bits(), two.to_bits()),
        (narrow.to_bits(), wide.to_bits())
    );
}

#[test]
fn bytes_are_not_encoded_as_a_sequence() {
    struct Raw(Vec<u8>);
    impl Serialize for Raw {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }
    let chunks = encode(Reader::Program, &Raw(vec![0, 255, 7]));
    assert_eq!(chunks.concat(), [Tag::Bytes as u8, 3, 0, 255, 7]);
}

mod before {
    use super::*;

    #[derive(Serialize)]
    pub struct Entry {
        pub name: String,
        pub count: u32,
        pub gone: Vec<Shape>,
        pub wide: u64,
        pub tag: Option<u8>,
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Entry {
    wide: u128,
    #[serde(alias = "count")]
    hits: i64,
    name: Option<String>,
    #[serde(default = "seven")]
    new: u8,
    tag: Option<Option<u8>>,
}

fn seven() -> u8 {
    7
}

fn entry() -> before::Entry {
    let gone = vec![Shape::Named {
        name: "g".into(),
        inside: Box::new(None),
    }];
    before::Entry {
        name: "a".into(),
        count: 3,
        gone,
        wide: u64::MAX,
        tag: Some(9),
    }
}

#[test]
fn fields_are_matched_by_name_through_every_change_that_serde_allows() {
    let new: Entry = become_(&vec![entry(), entry()])
        .map(|mut all: Vec<Entry>| all.remove(1))
        .expect("it is decoded");
    let name = Some("a".to_owned());
    assert_eq!(
        new,
        Entry {
            wide: u64::MAX.into(),
            hits: 3,
            name,
            new: 7,
            tag: Some(Some(9))
        }
    );
}

#[test]
fn untagged_and_flattened_types_round_trip() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Text(String),
        Shape(Shape),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        id: u8,
        #[serde(flatten)]
        rest: Rest,
        #[serde(flatten)]
        other: BTreeMap<String, f64>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Rest {
        shape: Option<Shape>,
        tagged: Tagged,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        One { it: i8 },
    }
    survives(vec![
        Untagged::Text("t".into()),
        Untagged::Shape(Shape::Round(1.0)),
    ]);
    let rest = Rest {
        shape: Some(Shape::Corners(3, 4)),
        tagged: Tagged::One { it: -1 },
    };
    survives(Flat {
        id: 1,
        rest,
        other: BTreeMap::from([("more".to_owned(), 0.5)]),
    });
}

#[test]
fn a_mismatch_is_refused_with_its_location() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never constructed")]
    struct Narrow {
        wide: u32,
    }
    let error = become_::<Vec<Narrow>>(&vec![entry()]).expect_err("too wide");
    assert_eq!(error.path(), "[0].wide");
    assert!(error.reason().contains("18446744073709551615"), "{error}");

    for (error, reason) in [
        (
            become_::<u8>(&"12").expect_err("a text"),
            "invalid type: string \"12\", expected u8",
        ),
        (
            become_::<(u8, u8)>(&(1, 2, 3)).expect_err("three"),
            "its `Deserialize` reads fewer elements than its `Serialize` wrote",
        ),
        (
            become_::<(u8, u8)>(&(1,)).expect_err("one"),
            "invalid length 1, expected a tuple of size 2",
        ),
        (
            become_::<u8>(&Option::<u8>::None).expect_err("none"),
            "invalid type: Option value, expected u8",
        ),
        (
            become_::<bool>(&Shape::Nothing).expect_err("an enum"),
            "invalid type: string \"Nothing\", expected a boolean",
        ),
    ] {
        assert_eq!(error.reason(), reason);
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never constructed")]
    enum Other {
        Nothing(u8),
        Round,
        Corners { x: u8 },
    }
    for (shape, reason) in [
        (
            Shape::Nothing,
            "`.Nothing`: the variant had no content and has some now",
        ),
        (
            Shape::Round(1.0),
            "`.Round`: the variant had content and has none now",
        ),
        (
            Shape::Corners(1, 2),
            "`.Corners`: its fields were unnamed and are now named",
        ),
        (Shape::Unit(()), "unknown variant `Unit`"),
    ] {
        let error = become_::<Other>(&shape)
            .expect_err("another enum")
            .to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn a_float_accepts_only_numbers_that_it_can_represent() {
    assert_eq!(become_::<f64>(&(1_u64 << 53)), Ok(9_007_199_254_740_992.0));
    assert_eq!(become_::<f32>(&-16_777_216_i64), Ok(-16_777_216.0));
    assert_eq!(become_::<f32>(&0.1_f64), Ok(0.1));
    assert_eq!(become_::<f32>(&f64::INFINITY), Ok(f32::INFINITY));
    become_::<f64>(&((1_u64 << 53) + 1)).expect_err("it would be rounded");
    become_::<f64>(&u64::MAX).expect_err("it would be rounded");
    become_::<f32>(&Some(16_777_217)).expect_err("it would be rounded");
    become_::<f32>(&-16_777_217).expect_err("it would be rounded");
    become_::<f32>(&1e300_f64).expect_err("it would be infinite");
}

#[test]
fn numeric_keys_are_not_field_positions() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair {
        a: Option<u64>,
        b: Option<u64>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        own: u64,
        #[serde(flatten)]
        more: BTreeMap<u64, u64>,
    }
    let error = become_::<Pair>(&BTreeMap::from([(0, 1), (1, 2)])).expect_err("no fields");
    assert!(error.reason().contains("numeric keys"), "{error:?}");
    let pair = become_::<Pair>(&BTreeMap::from([("b", 2), ("a", 1)]));
    let (a, b) = (Some(1), Some(2));
    assert_eq!(pair, Ok(Pair { a, b }));
    assert!(
        become_::<Flat>(&Flat {
            own: 1,
            more: [(2, 3)].into()
        })
        .is_ok()
    );
}

#[test]
fn too_deep_nesting_is_refused_without_a_stack_overflow() {
    #[derive(Serialize, Deserialize)]
    struct List(Option<Box<List>>);
    let deep = (0..100_000).fold(List(None), |list, _| List(Some(Box::new(list))));
    let thread = std::thread::Builder::new().stack_size(STACK);
    let work = move || {
        let mut sink = |_| Ok(());
        let error = Encoder::new(Reader::Program, &mut sink)
            .put(&deep)
            .expect_err("too deep");
        assert!(error.reason().contains("levels deep"), "{error}");
        // Its destructor would overflow.
        std::mem::forget(deep);
        let mut left = 100_000;
        let mut more = || {
            left -= 1;
            (left > 0).then(|| vec![Tag::Some as u8])
        };
        let mut decoder = Decoder::new(Reader::Program, &mut more);
        assert!(decoder.take::<List>().is_err());
    };
    thread
        .spawn(work)
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn invalid_bytes_are_errors() {
    for bytes in [
        vec![],
        vec![99],
        vec![Tag::Str as u8, 5, b'a'],
        vec![Tag::Known as u8, 0],
        vec![Tag::Unsigned as u8; 20],
    ] {
        assert!(
            decode::<serde::de::IgnoredAny>(Reader::Program, vec![bytes.clone()]).is_err(),
            "{bytes:?}"
        );
    }
    let long = vec![Tag::Bytes as u8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(decode::<serde::de::IgnoredAny>(Reader::Program, vec![long]).is_err());
}

#[test]
fn json_that_a_person_writes_is_accepted() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Config {
        ports: BTreeMap<u16, Vec<Shape>>,
        host: IpAddr,
        limit: Option<u8>,
    }
    let json = BTreeMap::from([("8080".to_owned(), vec!["Nothing"])]);
    let chunks = encode(
        Reader::Person,
        &BTreeMap::from([
            ("ports", Json::Ports(json)),
            ("host", Json::Text("::1")),
            ("limit", Json::Null),
        ]),
    );
    let config: Config = decode(Reader::Person, chunks).expect("a configuration");
    let ports = BTreeMap::from([(8080, vec![Shape::Nothing])]);
    assert_eq!(
        config,
        Config {
            ports,
            host: "::1".parse().expect("an address"),
            limit: None
        }
    );

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Json {
        Ports(BTreeMap<String, Vec<&'static str>>),
        Text(&'static str),
        Null,
    }
}
