#[kt::service]
const SERVICE: kt::Service = kt::Service::new().inactivty_ttl("10m");

fn main() {}
