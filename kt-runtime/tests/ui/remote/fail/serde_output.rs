struct Opaque;

#[derive(serde::Deserialize)]
struct OneWay;

#[kt::remote]
fn neither(fine: u8) -> Result<u8, Opaque> {
    Ok(fine)
}

#[kt::remote]
async fn one_way(fine: u8) -> OneWay {
    let _ = fine;
    OneWay
}

fn main() {}
