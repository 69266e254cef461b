const IMAGE: &str = "debian:12-slim";

#[kt::service]
const SERVICE: kt::Service = kt::Service::new().cpu("2").image(IMAGE).gpus(1 + 1);

fn main() {}
