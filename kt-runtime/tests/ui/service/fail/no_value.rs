#[kt::service(env = { RUST_LOG = 'i' })]
fn main() {}
