//! While the program runs: calls that wait at a breakpoint, and the question whether to debug them here.
//!
//! The worker itself says on the terminal of every program where a call waits, so nothing is said twice here.

use std::{io, time::Duration};

use kt::wire::{
    control::{BreakpointReached, path},
    limits,
};
use tokio::{process::Command, time::timeout};

use crate::{
    place::Connected,
    terminal::{Foreground, Terminal},
};

/// How much longer than the host keeps a question its answer may take.
const LATE: Duration = Duration::from_secs(20);

/// Asks a person about calls that wait.
pub(super) struct Breakpoints {
    connected: Connected,
    terminal: Terminal,
}

impl Breakpoints {
    /// `None` if nobody is there who could be asked.
    pub(super) fn of(connected: &Connected, terminal: &Terminal) -> Option<Self> {
        terminal.can_ask().then(|| Self {
            connected: connected.clone(),
            terminal: terminal.clone(),
        })
    }

    /// Goes on until the connection ends. To be dropped with the program.
    pub(super) async fn ask(self) {
        let mut known = 0;
        while let Some(reached) = self.next(known).await {
            if let Some(reached) = reached {
                known = reached.sequence;
                if self.agrees(&reached).await
                    && let Err(error) = self.debug().await
                {
                    self.terminal.error(&error);
                }
            }
        }
    }

    /// A call that came after the one of this number; `None` within if there is none yet.
    async fn next(&self, known: u64) -> Option<Option<BreakpointReached>> {
        let asking = self.connected.client.ask(path::BREAKPOINT, &known);
        let longest = limits::BREAKPOINT_QUESTION + LATE;
        timeout(longest, asking).await.ok()?.ok()
    }

    async fn agrees(&self, reached: &BreakpointReached) -> bool {
        let terminal = self.terminal.clone();
        let BreakpointReached {
            function,
            file,
            line,
            ..
        } = reached;
        let question = format!("Debug `{function}` at {file}:{line} here?");
        // Read on a thread of its own; a program that ends does not wait for the answer.
        let asked = tokio::task::spawn_blocking(move || terminal.confirm(question)).await;
        matches!(asked, Ok(Ok(Some(true))))
    }

    /// Runs the debugger in the program's place on this terminal.
    async fn debug(&self) -> io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["kt", "debug", &self.connected.service]);
        if let crate::place::PlaceName::Kubernetes { context, namespace } = &self.connected.place {
            command.args(["--context", context, "--namespace", namespace]);
        }
        // A group of its own, so that Ctrl-C at gdb's prompt does not end the program.
        command.process_group(0);
        let mut child = command.spawn()?;
        let _foreground = child.id().map(Foreground::give).transpose()?;
        child.wait().await?;
        Ok(())
    }
}
