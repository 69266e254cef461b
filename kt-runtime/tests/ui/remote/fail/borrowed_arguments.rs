use std::borrow::Cow;
use std::path::Path;

struct Point;

#[kt::remote]
fn text(text: &str) -> usize {
    text.len()
}

#[kt::remote]
fn slice(values: &[u8], points: &Point, path: &Path, out: &mut Vec<u8>) {
    out.extend_from_slice(values);
    let _ = (points, path);
}

#[kt::remote]
fn nested(text: Option<&str>, pairs: Vec<(u8, &'static [u8])>) {
    let _ = (text, pairs);
}

#[kt::remote]
fn cow(text: Cow<'_, str>, forever: Cow<'static, str>) {
    let _ = (text, forever);
}

async fn uses() {
    let _: usize = text("text").await.unwrap();
    slice(&[1], &Point, Path::new(""), &mut Vec::new()).await.unwrap();
}

fn main() {}
