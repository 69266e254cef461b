#[kt::service(cpu = "2")]
struct Settings;

fn main() {}
