#[kt::state(version = 2)]
static COUNT: u64 = 0;

fn uses() -> u64 {
    *COUNT
}

fn main() {}
