use std::{
    collections::BTreeMap,
    fmt::Debug,
    net::{IpAddr, Ipv4Addr},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::*;

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sink = |piece: Vec<u8>| {
        bytes.extend(piece);
        Ok(())
    };
    let mut encoder = Encoder::new(Reader::Person, &mut sink);
    encoder.put(value).expect("encodable");
    encoder.finish().expect("the sink accepts all bytes");
    bytes
}

fn decoded<T: DeserializeOwned>(bytes: Vec<u8>) -> Result<T, String> {
    let mut pieces = Some(bytes);
    let mut more = || pieces.take();
    let mut decoder = Decoder::new(Reader::Person, &mut more);
    let value = decoder.take().map_err(|error| error.to_string())?;
    decoder.end().map_err(|error| error.to_string())?;
    Ok(value)
}

fn shown<T: Serialize>(value: &T) -> String {
    from_encoded(encoded(value), Style::Line).expect("convertible to JSON")
}

/// Asserts that the printed value can be set, and is the same value then.
#[track_caller]
fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, json: &str) {
    assert_eq!(shown(&value), json);
    let read = decoded::<T>(to_encoded(json).expect("valid JSON"));
    assert_eq!(read.as_ref(), Ok(&value));
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: Option<char>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Round(f64),
    Corners(u8, u8),
    Named { name: String },
}

#[test]
fn printed_values_can_be_set() {
    round_trips((), "null");
    round_trips((true, 'ß', "a\"b".to_owned()), r#"[true,"ß","a\"b"]"#);
    round_trips(Point { x: -1, y: None }, r#"{"x":-1,"y":null}"#);
    round_trips(vec![Some(1), None], "[1,null]");
    round_trips(
        [
            Shape::Nothing,
            Shape::Round(0.5),
            Shape::Corners(1, 2),
            Shape::Named { name: "n".into() },
        ],
        r#"["Nothing",{"Round":0.5},{"Corners":[1,2]},{"Named":{"name":"n"}}]"#,
    );
    round_trips(IpAddr::V4(Ipv4Addr::LOCALHOST), r#""127.0.0.1""#);
    round_trips((0.1_f32, 0.1_f64), "[0.1,0.1]");
}

#[test]
fn numbers_keep_all_their_digits() {
    round_trips(
        (u128::MAX, i128::MIN, u64::MAX, i64::MIN),
        "[340282366920938463463374607431768211455,-170141183460469231731687303715884105728,\
         18446744073709551615,-9223372036854775808]",
    );
    round_trips((f64::INFINITY, f64::NEG_INFINITY), r#"["inf","-inf"]"#);
    assert_eq!(shown(&f32::NAN), r#""NaN""#);
    let read: f32 = decoded(to_encoded(r#""NaN""#).unwrap()).unwrap();
    assert!(read.is_nan());
    round_trips(f64::MIN_POSITIVE, "2.2250738585072014e-308");
}

#[test]
fn keys_that_are_not_strings_become_strings_or_pairs() {
    round_trips(BTreeMap::from([(-1, "a".to_owned())]), r#"{"-1":"a"}"#);
    round_trips(BTreeMap::from([(true, 1)]), r#"{"true":1}"#);
    round_trips(
        BTreeMap::from([(u128::MAX, 1)]),
        r#"{"340282366920938463463374607431768211455":1}"#,
    );
    round_trips(BTreeMap::<Point, u8>::new(), "{}");
    round_trips(
        BTreeMap::from([
            (Point { x: 1, y: Some('z') }, 2),
            (Point { x: 2, y: None }, 3),
        ]),
        r#"[[{"x":1,"y":"z"},2],[{"x":2,"y":null},3]]"#,
    );
    round_trips(BTreeMap::from([((), 1)]), "[[null,1]]");
}

/// Two keys that are the same in JSON.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(u8),
    Text(String),
}

#[test]
fn keys_that_would_collide_become_pairs() {
    let map = BTreeMap::from([(Loose::Number(1), "a"), (Loose::Text("1".into()), "b")]);
    assert_eq!(shown(&map), r#"[[1,"a"],["1","b"]]"#);
}

struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

#[test]
fn bytes_are_numbers() {
    assert_eq!(shown(&Raw(&[0, 255])), "[0,255]");
}

#[test]
fn errors_have_a_path() {
    let wrong = |json: &str| decoded::<BTreeMap<String, Vec<Point>>>(to_encoded(json).unwrap());
    let error = wrong(r#"{"a": [{"x": 1, "y": null}, {"x": "one", "y": null}]}"#).unwrap_err();
    assert_eq!(
        error,
        r#"`.a[1].x`: invalid type: string "one", expected i32"#
    );
    let pairs = |json: &str| decoded::<BTreeMap<Point, u8>>(to_encoded(json).unwrap());
    assert_eq!(
        pairs(r#"[[{"x": 1, "y": null}, 2, 3]]"#).unwrap_err(),
        "`[0][1]`: an entry of a map has more than a key and a value"
    );
    assert_eq!(
        pairs("[1]").unwrap_err(),
        "`[0][0]`: a map entry must be an array of a key and a value"
    );
}

#[test]
fn invalid_json_is_rejected_with_line_and_column() {
    for (text, column) in [("hello", 1), ("[1,", 3), ("{} {}", 4), ("", 0), ("01", 2)] {
        let error = to_encoded(text).expect_err(text);
        assert_eq!(error.column(), column, "{text}: {error}");
    }
}

#[test]
fn deep_values_are_converted_and_too_deep_ones_rejected() {
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let encoded = to_encoded(&nested(1_000)).unwrap();
    assert_eq!(from_encoded(encoded, Style::Line), Ok(nested(1_000)));
    let error = to_encoded(&nested(10_001)).unwrap_err().to_string();
    assert!(error.contains("levels deep"), "{error}");
}

#[test]
fn damaged_encodings_are_an_error() {
    for bytes in [vec![], vec![99], vec![11, 200], vec![17, 4, 1], vec![1, 1]] {
        assert!(
            from_encoded(bytes.clone(), Style::Line).is_err(),
            "{bytes:?}"
        );
    }
}
