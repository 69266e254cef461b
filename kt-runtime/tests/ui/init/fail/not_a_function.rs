#[kt::init]
static LEVEL: u8 = 1;

#[kt::init]
struct Tracing;

#[kt::init]
mod setup {}

#[kt::init]
impl Tracing {}

#[kt::init]
const LIMIT: u8 = 1;

#[kt::init]
use std::fmt;

trait Setup {
    #[kt::init]
    fn setup();
}

fn main() {
    let _ = (LEVEL, Tracing, LIMIT);
}
