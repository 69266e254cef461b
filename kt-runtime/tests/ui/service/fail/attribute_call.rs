#[kt::service(image = concat!("debian", ":12"))]
fn main() {}
