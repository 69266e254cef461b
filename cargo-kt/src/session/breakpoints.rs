//! While the program runs: asks whether to debug a call that stopped at a breakpoint.
//!
//! The worker reports the breakpoint and the program prints it. Then the program notifies us, so that the question comes after it.

use std::{io, sync::Arc, time::Duration};

use kt::wire::data::BreakpointReached;
use tokio::{
    process::Command,
    sync::{Mutex, watch},
    time::sleep,
};

use crate::{
    place::Connected,
    terminal::{Foreground, Terminal, is_read_by},
};

/// How often, and at what interval, we check whether the program reads the terminal: it may be processing input just now.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// Asks about stopped calls.
pub(super) struct Breakpoints {
    connected: Connected,
    terminal: Terminal,
    /// Held while a debugger has the terminal.
    debugging: Arc<Mutex<()>>,
}

impl Breakpoints {
    /// `None` if no person can answer.
    pub(super) fn of(connected: &Connected, terminal: &Terminal) -> Option<Self> {
        terminal.can_ask().then(|| Self {
            connected: connected.clone(),
            terminal: terminal.clone(),
            debugging: Arc::default(),
        })
    }

    /// Waits until no debugger has the terminal.
    pub(super) fn idle(&self) -> impl Future<Output = ()> + use<> {
        let debugging = Arc::clone(&self.debugging);
        async move {
            drop(debugging.lock().await);
        }
    }

    /// Asks about the latest stopped call. The caller aborts it when the program exits.
    pub(super) async fn ask(
        self,
        mut reached: watch::Receiver<Option<BreakpointReached>>,
        program: watch::Receiver<u32>,
    ) {
        while reached.changed().await.is_ok() {
            let latest = reached.borrow_and_update().clone();
            // If the program reads the terminal, it would get the answer. It has printed how to attach from another terminal.
            if let Some(latest) = latest
                && !self.program_reads_keys(&program).await
                && self.agrees(&latest).await
                && let Err(error) = self.debug().await
            {
                self.terminal.error(&error);
            }
        }
    }

    /// Whether the program reads the terminal.
    async fn program_reads_keys(&self, program: &watch::Receiver<u32>) -> bool {
        for _ in 0..LOOKS {
            if is_read_by(*program.borrow()) {
                return true;
            }
            sleep(LOOK).await;
        }
        false
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
        // On its own thread: a program that exits does not wait for the answer.
        let asked = tokio::task::spawn_blocking(move || terminal.confirm(question)).await;
        matches!(asked, Ok(Ok(Some(true))))
    }

    /// Runs the debugger on this terminal, in front of the program.
    async fn debug(&self) -> io::Result<()> {
        let _debugging = self.debugging.lock().await;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["kt", "debug", &self.connected.service]);
        command.args(self.connected.place.options());
        // In its own process group: Ctrl-C at gdb's prompt does not reach the program.
        command.process_group(0);
        let mut child = command.spawn()?;
        let _foreground = child.id().map(Foreground::give).transpose()?;
        child.wait().await?;
        Ok(())
    }
}
