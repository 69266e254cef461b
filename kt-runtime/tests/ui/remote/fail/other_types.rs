#[kt::remote]
fn pointer(value: *const u8) -> fn() {
    let _ = value;
    || {}
}

#[kt::remote]
fn never() -> ! {
    loop {}
}

#[kt::remote]
fn inferred(value: _) -> Vec<_> {
    vec![value]
}

fn main() {}
