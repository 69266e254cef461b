//! Every valid signature of a remote function, called through the codec.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub struct Point {
    x: i32,
    y: i32,
}

#[kt::remote]
pub fn set(key: String, value: String) -> usize {
    key.len() + value.len()
}

#[kt::remote]
async fn later(seconds: u64) -> u64 {
    std::future::ready(seconds * 2).await
}

#[kt::remote]
fn nothing() {}

#[kt::remote]
pub(crate) fn patterns((a, b): (u32, u32), Point { x, y }: Point, mut sum: i32, _: u8, [c, ..]: [u32; 3]) -> i32 {
    sum += x + y;
    sum + (a + b + c) as i32
}

#[kt::remote]
fn trailing(
    first: u8,
    _second: u8,
) -> Result<HashMap<String, Vec<Point>>, String> {
    match first {
        0 => Err("zero".to_owned()),
        n => Ok(HashMap::from([("n".to_owned(), vec![Point { x: n.into(), y: 0 }])])),
    }
}

#[kt::remote]
fn r#type(r#in: u8) -> u8 {
    r#in + 1
}

#[kt::remote]
fn größe(wörter: Vec<String>) -> usize {
    wörter.len()
}

/// The bare name refers to the function itself: recursion is a plain call.
#[kt::remote]
fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[kt::remote]
fn early(n: u8) -> Option<u8> {
    let n = n.checked_sub(1)?;
    return Some(n);
}

#[kt::remote]
fn borrowed_forever(text: std::borrow::Cow<'static, str>) -> std::borrow::Cow<'static, str> {
    text
}

mod nested {
    pub mod deep {
        #[kt::remote]
        pub(in crate::nested) fn up(value: super::Local) -> super::Local {
            value
        }
    }
    pub type Local = u16;
    pub fn call() -> u16 {
        deep::up(7).blocking().unwrap()
    }
}

fn main() {
    assert_eq!(set("name".into(), "Alice".into()).blocking().unwrap(), 9);
    assert_eq!(later(2).blocking().unwrap(), 4);
    nothing().blocking().unwrap();
    assert_eq!(patterns((1, 2), Point { x: 3, y: 4 }, 5, 6, [7, 8, 9]).blocking().unwrap(), 22);
    assert_eq!(trailing(0, 0).blocking().unwrap(), Err("zero".to_owned()));
    assert_eq!(trailing(1, 0).blocking().unwrap().unwrap()["n"], [Point { x: 1, y: 0 }]);
    assert_eq!(r#type(1).blocking().unwrap(), 2);
    assert_eq!(größe(vec!["a".into()]).blocking().unwrap(), 1);
    assert_eq!(factorial(5).blocking().unwrap(), 120);
    assert_eq!(early(0).blocking().unwrap(), None);
    assert_eq!(borrowed_forever("x".into()).blocking().unwrap(), "x");
    assert_eq!(nested::call(), 7);

    #[kt::remote]
    fn local(n: u8) -> u8 {
        n + 1
    }
    assert_eq!(local(1).blocking().unwrap(), 2);

    let in_async = async { set("a".into(), "b".into()).await };
    drop(in_async);
}
