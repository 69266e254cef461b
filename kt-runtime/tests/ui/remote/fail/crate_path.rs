#[kt::remote(crate = "kt")]
fn text(value: u8) -> u8 {
    value
}

#[kt::remote(crate = kt, crate = kt)]
fn twice(value: u8) -> u8 {
    value
}

#[kt::state(crate)]
static BARE: u64 = 0;

async fn uses() -> u64 {
    *BARE + u64::from(text(1).await.unwrap() + twice(1).await.unwrap())
}

fn main() {}
