//! Links to each symbol by its name.
#![deny(warnings)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

// The first expanded item carries the entry point. If a `cfg` removes the item, the entry point
// stays.
#[kt::remote]
#[cfg(any())]
fn configured_away() {}

mod inner {
    #[kt::remote]
    pub fn r#type() {}
}

#[kt::remote]
fn set() {}

#[kt::init]
async fn start() -> Result<(), String> {
    Ok(())
}

#[kt::state]
static LIST: Mutex<[u8; 4]> = Mutex::new(*b"kept");

static MAINS: AtomicU32 = AtomicU32::new(0);

macro_rules! symbol {
    ($kind:literal, $name:literal) => {{
        unsafe extern "C" {
            #[link_name = concat!(
                "kt:", $kind, ":", env!("CARGO_PKG_NAME"), "/", env!("CARGO_BIN_NAME"), ":", module_path!(), "::", $name
            )]
            static SYMBOL: u8;
        }
        &raw const SYMBOL
    }};
}

unsafe extern "Rust" {
    #[link_name = "kt:main"]
    fn kt_main() -> ExitCode;
}

#[derive(Debug)]
struct Failed;

fn main() -> Result<(), Failed> {
    if MAINS.fetch_add(1, Ordering::Relaxed) > 0 {
        return Err(Failed);
    }
    set().blocking().unwrap();
    inner::r#type().blocking().unwrap();
    let init = symbol!("init", "LIST").cast::<Mutex<[u8; 4]>>();
    assert_eq!(&raw const *LIST, init, "a state starts at its exported initial value");
    // SAFETY: the symbol is the state's initial value, as checked above.
    assert_eq!(*unsafe { &*init }.lock().unwrap(), *b"kept");
    assert_ne!(symbol!("state", "LIST"), symbol!("fn", "set"));
    assert_ne!(symbol!("start", "start"), symbol!("fn", "set"));
    // SAFETY: the expansion gives the symbol this type.
    assert_eq!(unsafe { kt_main() }, ExitCode::FAILURE, "the entry point runs `main` and reports its error");
    assert_eq!(MAINS.load(Ordering::Relaxed), 2);
    Ok(())
}
