#[kt::remote]
fn argument(values: impl Iterator<Item = u8>) -> u8 {
    values.sum()
}

#[kt::remote]
fn output(n: u8) -> impl Iterator<Item = u8> {
    0..n
}

#[kt::remote]
fn nested(n: u8) -> Vec<impl Clone> {
    vec![n]
}

async fn uses() {
    let _: u8 = argument(0..3).await.unwrap();
    for number in output(3).await.unwrap() {
        println!("{number}");
    }
}

fn main() {}
