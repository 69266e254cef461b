//! Redacts the parts of a terminal's text that differ from run to run.

use crate::{Output, Project};

/// Runs `assert` with insta's filters for times, sizes, process ids, hashes and paths.
pub fn redacted(project: &Project, output: &Output, assert: impl FnOnce(&str)) {
    redacted_text(project, &output.stderr, &[], assert);
}

/// Same as [`redacted`], for a part of an output and with more filters.
pub fn redacted_text(
    project: &Project,
    text: &str,
    filters: &[(&str, &str)],
    assert: impl FnOnce(&str),
) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        // Concurrent tests wait for each other.
        (r"(?m)^ +Blocking waiting for file lock .*\n", ""),
        (r"\b[0-9a-f]{32,64}\b", "[HASH]"),
        (r"\b[0-9a-f]{16}\b", "[HASH]"),
        (r"\b\d+(\.\d+)?(ms|µs|s)\b", "[TIME]"),
        (r"\b\d+m \d\ds\b", "[TIME]"),
        (r"\b\d+(\.\d+)? ([kMG]i?)?B\b", "[SIZE]"),
        (r"\b(pid|process|worker) \d+", "$1 [PID]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    for (pattern, replacement) in filters {
        settings.add_filter(pattern, *replacement);
    }
    let text = text.replace(&project.root().display().to_string(), "[PROJECT]");
    let text = text.replace(&project.private().display().to_string(), "[PRIVATE]");
    let text = text.replace(&crate::checkout().display().to_string(), "[CHECKOUT]");
    settings.bind(|| assert(&text));
}

/// Compares a command's stderr with a snapshot, with variable parts redacted.
#[macro_export]
macro_rules! assert_terminal {
    ($name:literal, $project:expr, $output:expr) => {
        $crate::redacted(&$project, &$output, |text| {
            ::insta::assert_snapshot!($name, text)
        })
    };
}
