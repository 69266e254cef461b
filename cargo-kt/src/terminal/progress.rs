//! Progress bars for long operations.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text;

/// Shorter operations show no bar.
const SHOW_AFTER: Duration = Duration::from_secs(1);

/// A bar of completed bytes. Hidden for the first second, and if stderr is not a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: std::sync::atomic::AtomicBool,
    allowed: bool,
}

impl Progress {
    pub(super) fn new(verb: &'static str, total: u64, allowed: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(
            "{prefix:>12.green.bold} [{bar:25}] {bytes}/{total_bytes}{msg}",
        );
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        bar.set_prefix(verb);
        Self {
            bar,
            started: Instant::now(),
            shown: false.into(),
            allowed,
        }
    }

    /// Sets the number of bytes done, and of bytes sent, which the bar shows if it is lower.
    pub fn set(&self, done: u64, sent: u64) {
        let due = self.allowed && self.started.elapsed() >= SHOW_AFTER;
        if due && !self.shown.swap(true, std::sync::atomic::Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(done);
        if sent < done {
            self.bar
                .set_message(format!(", {} sent", text::bytes(sent)));
        }
    }
}

/// A line with the current work, updated in place.
#[derive(Debug)]
pub struct LiveLine(ProgressBar);

impl LiveLine {
    pub(super) fn new(verb: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{prefix:>12.green.bold} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(verb);
        Self(bar)
    }

    /// Shows a text, or hides the line.
    pub fn show(&self, text: Option<String>) {
        match text {
            Some(text) => {
                if self.0.is_hidden() {
                    self.0.set_draw_target(ProgressDrawTarget::stderr());
                }
                self.0.set_message(text);
                self.0.tick();
            }
            None => self.0.set_draw_target(ProgressDrawTarget::hidden()),
        }
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
