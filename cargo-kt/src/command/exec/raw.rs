//! The terminal here while another one is behind it: every key goes there, and nothing is echoed here.

use std::io;

use kt::wire::command::WindowSize;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Of a terminal that does not say.
const DEFAULT: WindowSize = WindowSize {
    columns: 80,
    rows: 24,
};

/// Standard input in raw mode, until it is dropped.
#[derive(Debug)]
pub(super) struct RawTerminal(Termios);

impl RawTerminal {
    /// `None` if standard input is no terminal.
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
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Size of the terminal here.
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
