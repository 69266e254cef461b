#[kt::remote]
fn text() -> &'static str {
    "text"
}

#[kt::remote]
fn first(values: Vec<u8>) -> Option<&'static [u8]> {
    let _ = values;
    None
}

async fn uses() {
    println!("{}", text().await.unwrap().len());
    println!("{:?}", first(vec![]).await.unwrap());
}

fn main() {}
