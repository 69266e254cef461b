#[kt::remote]
struct Point;

#[kt::remote]
enum Shape {}

#[kt::remote]
mod module {}

#[kt::remote]
impl Point {}

#[kt::remote]
unsafe impl Send for Point {}

#[kt::remote]
trait Trait {}

#[kt::remote]
static COUNT: u8 = 0;

#[kt::remote]
const SIZE: u8 = 0;

#[kt::remote]
pub use std::mem;

trait Other {
    #[kt::remote]
    fn required(value: u8) -> u8;
}

fn main() {}
