struct Opaque;

#[derive(serde::Serialize)]
struct OneWay;

#[kt::remote]
fn neither(fine: u8, values: Vec<Opaque>) -> u8 {
    let _ = values;
    fine
}

#[kt::remote]
async fn one_way(value: OneWay, fine: u8) -> u8 {
    let _ = value;
    fine
}

fn main() {}
