//! Which crates are compiled with full debug information. All others have line tables alone, which takes rustc half the time.
//!
//! Without optimization full debug information is other code: each variable gets a place on the stack. So it cannot be made
//! afterwards for code that runs already, and a crate with a breakpoint has it from the start.

use std::{collections::BTreeSet, io};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::file;

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
    /// What a crate is to be compiled with whose sources have, or do not have, a breakpoint, and in which a debugger was, or was not,
    /// to stop.
    pub(super) fn wanted(variable: Option<&str>, debugged: bool, breakpoints: bool) -> Self {
        Self {
            full: breakpoints || debugged || variable == Some("full"),
            breakpoints,
        }
    }

    /// The flag for rustc, behind cargo's own: the last one counts.
    pub(super) fn flag(self) -> Option<&'static str> {
        self.full.then_some("-Cdebuginfo=2")
    }
}

/// The packages in which a debugger was to stop: once is enough, or each other build would compile them anew.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Debugged(BTreeSet<String>);

impl Debugged {
    /// Those of a workspace.
    pub(super) fn of(warm: &Utf8Path) -> Self {
        let text = std::fs::read(path(warm)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn has(&self, package: &str) -> bool {
        self.0.contains(package)
    }
}

/// Has the next builds compile these packages with full debug information.
///
/// # Errors
/// If that cannot be written down.
pub fn debug_fully(warm: &Utf8Path, packages: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut debugged = Debugged::of(warm);
    debugged.0.extend(packages);
    file::write_atomically(&path(warm), &serde_json::to_vec(&debugged)?)
}

fn path(warm: &Utf8Path) -> Utf8PathBuf {
    warm.join("debugged.json")
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
        for (variable, debugged, breakpoints, full) in [
            (None, false, false, false),
            (None, false, true, true),
            (None, true, false, true),
            (Some("full"), false, false, true),
            (Some("line-tables-only"), false, true, true),
        ] {
            let wanted = DebugInfo::wanted(variable, debugged, breakpoints);
            assert_eq!((wanted.full, wanted.flag().is_some()), (full, full));
        }
    }

    #[test]
    fn packages_that_a_debugger_was_to_stop_in_are_remembered_together() {
        let warm = tempfile::tempdir().unwrap();
        let warm = Utf8Path::from_path(warm.path()).unwrap();
        assert!(!Debugged::of(warm).has("app"));
        debug_fully(warm, ["app".to_owned()]).unwrap();
        debug_fully(warm, ["below".to_owned()]).unwrap();
        let debugged = Debugged::of(warm);
        assert!(debugged.has("app") && debugged.has("below") && !debugged.has("other"));
    }
}
