// rustc reports mistakes in the user's code as without the attribute.

#[kt::remote]
fn unresolved(value: Missing) -> u8 {
    1
}

#[kt::remote]
fn mismatched(value: u32) -> u64 {
    value
}

#[kt::remote]
async fn borrow_checked(text: String) -> String {
    drop(text);
    text
}

#[kt::remote]
fn called(value: u32) -> u32 {
    value
}

async fn uses() {
    called("text").await.unwrap();
}

fn main() {}
