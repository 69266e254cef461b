#[kt::remote]
unsafe fn promised(value: u8) -> u8 {
    value
}

#[kt::remote]
extern "C" fn c(value: u8) -> u8 {
    value
}

#[kt::remote]
const fn constant(value: u8) -> u8 {
    value
}

async fn uses() -> u8 {
    c(1).await.unwrap() + constant(1).await.unwrap()
}

fn main() {}
