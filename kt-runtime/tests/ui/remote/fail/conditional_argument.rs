#[kt::remote]
fn conditional(value: u8, #[cfg(unix)] more: u8) -> u8 {
    value + more
}

fn main() {}
