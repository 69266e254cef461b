//! Where a build prints. cargo writes to stderr itself; this is for what kt prints in its place.

/// Receives the output of a build, from several threads.
pub trait Console: Sync {
    /// Prints a status line as cargo does: the verb is right-aligned in 12 columns, bold and green.
    fn status(&self, verb: &str, text: &str);

    /// Prints a diagnostic as rustc rendered it, with ANSI escapes and a trailing newline.
    fn diagnostic(&self, rendered: &str);

    /// Prints one line of `--message-format json` to stdout. `line` has no newline.
    fn message(&self, line: &str);

    /// Prints text only under `-v`, such as why a build was not replayed.
    fn verbose(&self, text: &str);
}
