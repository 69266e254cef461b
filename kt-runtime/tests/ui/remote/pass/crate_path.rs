//! The crate under another name: a re-export in the user's prelude.

mod prelude {
    pub use kt as warm;
}

use std::sync::Mutex;

use prelude::warm;

#[warm::state(crate = crate::prelude::warm)]
static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[warm::state(version = 2, crate = prelude::warm)]
static COUNT: u64 = 3;

#[warm::remote(crate = prelude::warm)]
pub async fn say(word: String) -> Result<usize, String> {
    let mut names = NAMES.lock().map_err(|error| error.to_string())?;
    names.push(word);
    Ok(names.len())
}

pub mod inner {
    #[crate::prelude::warm::remote(crate = crate::prelude::warm)]
    pub fn count(more: u64) -> u64 {
        *super::COUNT + more
    }
}

#[prelude::warm::service(crate = prelude::warm, cpu = "2")]
fn main() {
    assert_eq!(say("a".into()).blocking().unwrap(), Ok(1));
    assert_eq!(inner::count(4).blocking().unwrap(), 7);
}
