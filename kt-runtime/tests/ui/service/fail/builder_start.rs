const COMMON: kt::Service = kt::Service::new().cpu("1");

#[kt::service]
const SERVICE: kt::Service = COMMON.gpus(1);

fn main() {}
