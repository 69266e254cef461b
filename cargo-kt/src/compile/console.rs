//! Where the build speaks to: cargo writes to standard error itself, this is for what we say in its place.

/// What a build tells the person who started it. Called from several threads.
pub trait Console: Sync {
    /// A line in cargo's manner: a verb to be right-aligned in 12 columns, bold and green, and the rest.
    fn status(&self, verb: &str, text: &str);

    /// A diagnostic as rustc rendered it, with ANSI escapes and a newline at its end.
    fn diagnostic(&self, rendered: &str);

    /// One line of `--message-format json`, without its newline; for standard output.
    fn message(&self, line: &str);

    /// Something only `-v` shows, such as why a build could not be replayed.
    fn verbose(&self, text: &str);
}
