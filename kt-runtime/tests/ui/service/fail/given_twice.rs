#[kt::service(cpu = "2", cpu = 4)]
fn main() {}
