//! No lint reports generated code, and the user's lint levels apply.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, unreachable_pub, unused_qualifications, single_use_lifetimes)]
#![deny(rust_2018_idioms, missing_debug_implementations, non_ascii_idents, trivial_casts)]

use std::sync::Mutex;

/// Documented.
#[kt::remote]
#[inline(never)]
#[track_caller]
#[must_use]
fn attributes(value: u8) -> u8 {
    value
}

#[kt::remote]
#[allow(unused_variables, non_snake_case)]
fn silenced_Below(unused: u8, camelCase: u8) {}

#[allow(unused_variables)]
#[kt::remote]
fn silenced_above(unused: u8) {}

#[kt::remote]
#[expect(unused_variables, reason = "the lint must fire once, here")]
fn expected(unused: u8) {}

// Callable from outside the program: neither it nor its callees are dead code.
#[kt::remote]
fn never_called(value: String) -> String {
    called_by_never_called(value)
}

fn called_by_never_called(value: String) -> String {
    value
}

#[kt::remote]
#[allow(dead_code)]
async fn never_awaited(value: String) -> String {
    value
}

#[kt::remote]
#[cfg_attr(all(), allow(unused_variables), inline, doc = "text")]
#[cfg_attr(any(), no_such_attribute)]
fn conditional(unused: u8) {}

#[kt::remote]
#[cfg(any())]
fn configured_away(value: NoSuchType) {}

#[kt::remote]
fn argument_attributes(#[allow(unused_variables)] unused: u8, #[expect(unused_variables)] unused_too: u8) {}

#[kt::remote]
#[deprecated = "old"]
fn old() {}

#[kt::remote]
#[must_use = "with a message"]
fn must_use() -> u8 {
    0
}

/// A state.
#[kt::state]
static COUNT: Mutex<u8> = Mutex::new(0);

#[kt::state]
static UNUSED: Mutex<u8> = Mutex::new(0);

#[kt::state]
#[allow(non_upper_case_globals)]
static lower: Mutex<u8> = Mutex::new(0);

#[kt::state]
#[cfg(any())]
static CONFIGURED_AWAY: NoSuchType = 0;

#[kt::state]
#[deprecated]
static OLD: Mutex<u8> = Mutex::new(0);

/// Public items.
pub mod public {
    /// Documented.
    #[kt::remote]
    pub fn documented(value: u8) -> u8 {
        value
    }

    /// Documented.
    #[kt::state]
    pub static STATE: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
}

fn main() {
    assert_eq!(attributes(1).blocking().unwrap(), 1);
    silenced_Below(1, 2).blocking().unwrap();
    silenced_above(1).blocking().unwrap();
    expected(1).blocking().unwrap();
    conditional(1).blocking().unwrap();
    argument_attributes(1, 2).blocking().unwrap();
    #[expect(deprecated)]
    old().blocking().unwrap();
    let _ = must_use();
    assert_eq!(*COUNT.lock().unwrap() + *lower.lock().unwrap(), 0);
    #[expect(deprecated)]
    let _guard = OLD.lock();
}
