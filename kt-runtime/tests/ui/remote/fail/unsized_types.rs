#[kt::remote]
fn object(value: dyn Fn()) {
    value()
}

#[kt::remote]
fn slice(values: [u8]) -> str {
    values.len()
}

fn main() {}
