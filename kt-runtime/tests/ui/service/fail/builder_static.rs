#[kt::service]
static SERVICE: kt::Service = kt::Service::new();

fn main() {}
