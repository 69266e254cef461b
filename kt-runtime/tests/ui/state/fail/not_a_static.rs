#[kt::state]
const COUNT: u64 = 0;

#[kt::state]
thread_local! {
    static LOCAL: u64 = 0;
}

#[kt::state]
std::thread_local!(static OTHER: u64 = 0);

thread_local! {
    #[kt::state]
    static INNER: u64 = 0;
}

macro_rules! own {
    () => {};
}

#[kt::state]
own!();

#[kt::state]
fn function() {}

#[kt::state]
async fn later() {}

#[kt::state]
struct Point;

unsafe extern "C" {
    #[kt::state]
    static FOREIGN: u64;
}

fn main() {}
