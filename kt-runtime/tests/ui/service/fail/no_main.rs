#[kt::service(cpu = "2")]
fn helper() {}

fn main() {
    helper();
}
