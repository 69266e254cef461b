#[kt::service]
const SERVICE: kt::Service = kt::Service::new()
    .env("A", "1")
    .cpu("1")
    .env("B", "1")
    .cpu("2");

fn main() {}
