#[kt::service]
const SERVICE: kt::Service = kt::Service::new().cpu("1").gpus("2");

fn main() {}
