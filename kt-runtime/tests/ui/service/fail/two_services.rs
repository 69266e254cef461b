#[kt::service]
const SMALL: kt::Service = kt::Service::new().cpu("1");

#[kt::service]
const LARGE: kt::Service = kt::Service::new().cpu("8");

fn main() {}
