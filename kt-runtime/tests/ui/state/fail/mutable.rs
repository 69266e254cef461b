#[kt::state]
static mut COUNT: u64 = 0;

fn uses() -> u64 {
    *COUNT
}

fn main() {}
