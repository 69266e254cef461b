#[kt::service(cpu = "1")]
const SERVICE: kt::Service = kt::Service::new();

fn main() {}
