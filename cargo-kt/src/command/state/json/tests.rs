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
    encoder.put(value).expect("it is encoded");
    encoder.finish().expect("the sink takes all");
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
    from_encoded(encoded(value), Style::Line).expect("it is shown")
}

/// What is shown can be set, and is the same value then.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, json: &str) {
    assert_eq!(shown(&value), json);
    let read = decoded::<T>(to_encoded(json).expect("it is JSON"));
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
fn a_value_that_is_shown_can_be_set_again() {
    comes_back((), "null");
    comes_back((true, 'ß', "a\"b".to_owned()), r#"[true,"ß","a\"b"]"#);
    comes_back(Point { x: -1, y: None }, r#"{"x":-1,"y":null}"#);
    comes_back(vec![Some(1), None], "[1,null]");
    comes_back(
        [
            Shape::Nothing,
            Shape::Round(0.5),
            Shape::Corners(1, 2),
            Shape::Named { name: "n".into() },
        ],
        r#"["Nothing",{"Round":0.5},{"Corners":[1,2]},{"Named":{"name":"n"}}]"#,
    );
    comes_back(IpAddr::V4(Ipv4Addr::LOCALHOST), r#""127.0.0.1""#);
    comes_back((0.1_f32, 0.1_f64), "[0.1,0.1]");
}

#[test]
fn numbers_keep_all_their_digits() {
    comes_back(
        (u128::MAX, i128::MIN, u64::MAX, i64::MIN),
        "[340282366920938463463374607431768211455,-170141183460469231731687303715884105728,\
         18446744073709551615,-9223372036854775808]",
    );
    comes_back((f64::INFINITY, f64::NEG_INFINITY), r#"["inf","-inf"]"#);
    assert_eq!(shown(&f32::NAN), r#""NaN""#);
    let read: f32 = decoded(to_encoded(r#""NaN""#).unwrap()).unwrap();
    assert!(read.is_nan());
    comes_back(f64::MIN_POSITIVE, "2.2250738585072014e-308");
}

#[test]
fn keys_that_are_no_texts_become_texts_or_pairs() {
    comes_back(BTreeMap::from([(-1, "a".to_owned())]), r#"{"-1":"a"}"#);
    comes_back(BTreeMap::from([(true, 1)]), r#"{"true":1}"#);
    comes_back(
        BTreeMap::from([(u128::MAX, 1)]),
        r#"{"340282366920938463463374607431768211455":1}"#,
    );
    comes_back(BTreeMap::<Point, u8>::new(), "{}");
    comes_back(
        BTreeMap::from([
            (Point { x: 1, y: Some('z') }, 2),
            (Point { x: 2, y: None }, 3),
        ]),
        r#"[[{"x":1,"y":"z"},2],[{"x":2,"y":null},3]]"#,
    );
    comes_back(BTreeMap::from([((), 1)]), "[[null,1]]");
}

/// Two keys that JSON would take for one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(u8),
    Text(String),
}

#[test]
fn keys_that_would_become_one_are_shown_apart() {
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
fn what_is_wrong_is_named_with_its_place() {
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
        "`[0][0]`: an entry of a map is an array of a key and a value"
    );
}

#[test]
fn what_is_no_json_is_refused_with_line_and_column() {
    for (text, column) in [("hello", 1), ("[1,", 3), ("{} {}", 4), ("", 0), ("01", 2)] {
        let error = to_encoded(text).expect_err(text);
        assert_eq!(error.column(), column, "{text}: {error}");
    }
}

#[test]
fn deep_values_are_converted_and_too_deep_ones_refused() {
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
