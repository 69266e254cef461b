#[kt::remote]
fn main() {}
