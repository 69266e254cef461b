// rustc reports mistakes in the user's code as without the attribute.

use std::sync::Mutex;

#[kt::state]
static MISMATCHED: u64 = "text";

#[kt::state]
static UNRESOLVED: Mutex<Missing> = Mutex::new(0);

#[kt::state]
static NOT_CONSTANT: Mutex<String> = Mutex::new("text".to_owned());

fn main() {}
