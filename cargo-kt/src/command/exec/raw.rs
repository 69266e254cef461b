//! Raw mode of the local terminal while it shows a remote one: every key is sent, and nothing is
//! echoed locally.

use std::io;

use kt::wire::command::WindowSize;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// For a terminal that does not report its size.
const DEFAULT: WindowSize = WindowSize {
    columns: 80,
    rows: 24,
};

/// Standard input in raw mode, until it is dropped.
#[derive(Debug)]
pub(super) struct RawTerminal(Termios);

impl RawTerminal {
    /// `None` if standard input is not a terminal.
    pub(super) fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Fails only if the terminal was closed.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Size of the local terminal.
pub(super) fn size() -> WindowSize {
    let of_stdin = tcgetwinsize(io::stdin());
    let size = of_stdin.or_else(|_| tcgetwinsize(io::stdout()));
    match size {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => WindowSize {
            columns: size.ws_col,
            rows: size.ws_row,
        },
        _ => DEFAULT,
    }
}
