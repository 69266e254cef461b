#[kt::remote]
unsafe extern "C" fn variadic(value: u8, _: ...) -> u8 {
    value
}

fn main() {}
