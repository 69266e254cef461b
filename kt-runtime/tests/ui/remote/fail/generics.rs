#[kt::remote]
fn of_a_type<T: Clone>(value: T) -> T {
    value.clone()
}

#[kt::remote]
fn of_a_constant<const N: usize>(values: [u8; 4]) -> usize {
    values.len() + N
}

#[kt::remote]
fn of_a_lifetime<'a>(text: &'a str) -> &'a str {
    text
}

#[kt::remote]
fn bounded(value: u8) -> u8
where
    u8: Copy,
{
    value
}

async fn uses() {
    let _: String = of_a_type(String::new()).await.unwrap();
    let _: usize = of_a_constant::<3>([0; 4]).await.unwrap();
    let _: u8 = bounded(1).await.unwrap();
}

fn main() {}
