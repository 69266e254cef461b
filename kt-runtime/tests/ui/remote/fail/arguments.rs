#[kt::remote(timeout = 3)]
fn options(value: u8) -> u8 {
    value
}

async fn uses() -> u8 {
    options(1).await.unwrap()
}

fn main() {}
