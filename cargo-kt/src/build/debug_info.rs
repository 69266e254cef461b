//! Which crates are compiled with full debug information. All others have line tables alone, which takes rustc half the time.
//!
//! Without optimization full debug information is other code: each variable gets a place on the stack. So it cannot be made
//! afterwards for code that runs already, and a crate with a breakpoint has it from the start.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// Set to `full`, it gives every crate full debug information.
pub(super) const VARIABLE: &str = "KT_DEBUG_INFO";

/// How much a crate was compiled with, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DebugInfo {
    pub(super) full: bool,
    /// Its sources have a breakpoint.
    pub(super) breakpoints: bool,
}

impl DebugInfo {
    /// What a crate whose sources have, or do not have, a breakpoint is to be compiled with.
    pub(super) fn wanted(variable: Option<&str>, breakpoints: bool) -> Self {
        Self {
            full: breakpoints || variable == Some("full"),
            breakpoints,
        }
    }

    /// The flag for rustc, behind cargo's own: the last one counts.
    pub(super) fn flag(self) -> Option<&'static str> {
        self.full.then_some("-Cdebuginfo=2")
    }
}

/// Whether one of these files calls `kt::breakpoint!()`. A comment counts too: that costs time and nothing else.
pub(super) fn have_breakpoints(sources: &[Utf8PathBuf]) -> bool {
    const CALL: &[u8] = b"breakpoint!";
    let calls = |path: &Utf8PathBuf| {
        let content = std::fs::read(path).unwrap_or_default();
        content.windows(CALL.len()).any(|window| window == CALL)
    };
    let mut rust = sources.iter().filter(|path| path.extension() == Some("rs"));
    rust.any(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_with_a_breakpoint_has_full_debug_information_and_others_if_asked() {
        for (variable, breakpoints, full) in [
            (None, false, false),
            (None, true, true),
            (Some("full"), false, true),
            (Some("line-tables-only"), true, true),
        ] {
            let wanted = DebugInfo::wanted(variable, breakpoints);
            assert_eq!((wanted.full, wanted.flag().is_some()), (full, full));
        }
    }
}
