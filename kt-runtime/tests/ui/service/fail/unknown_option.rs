#[kt::service(image = "debian:12-slim", inactivty_ttl = "10m")]
fn main() {}
