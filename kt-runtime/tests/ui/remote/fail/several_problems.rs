#[kt::remote]
const unsafe fn everything<T>(a: &str, b: impl Clone, c: &mut [u8], d: (&u8, *const u8)) -> &'static str {
    let _ = (a, b, c, d);
    ""
}

fn main() {}
