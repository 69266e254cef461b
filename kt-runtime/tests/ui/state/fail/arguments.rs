#[kt::state(versoin = 2)]
static COUNT: u64 = 0;

#[kt::state(version = "two")]
static TEXT: u64 = 0;

#[kt::state(version = 1, version = 2)]
static TWICE: u64 = 0;

#[kt::state(keep, version = 1, keep)]
static KEPT: u64 = 0;

#[kt::state(keep = true)]
static ASSIGNED: u64 = 0;

fn uses() -> u64 {
    *COUNT + *TEXT + *TWICE + *KEPT + *ASSIGNED
}

fn main() {}
