//! Prompts to debug calls that wait at a breakpoint, while the program runs. The worker reports
//! where a call waits, and the program prints it. Then the program notifies this process, so the
//! prompt follows the location.

use std::{io, sync::Arc, time::Duration};

use kt::wire::data::BreakpointReached;
use tokio::{
    process::Command,
    sync::{Mutex, watch},
    time::sleep,
};

use crate::{
    linux::is_read_by,
    place::Connected,
    terminal::{Foreground, Terminal},
};

/// Number of checks whether the program waits for keys: it may be busy with earlier keys.
const CHECKS: u32 = 5;
/// Interval between checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Prompts the user about waiting calls.
pub(super) struct Breakpoints {
    connected: Connected,
    terminal: Terminal,
    /// Held while a debugger has the terminal.
    debugging: Arc<Mutex<()>>,
}

impl Breakpoints {
    /// `None` if no user can answer.
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

    /// Prompts about the latest waiting call, repeatedly. Drop it when the program exits.
    pub(super) async fn ask(
        self,
        mut reached: watch::Receiver<Option<BreakpointReached>>,
        program: watch::Receiver<u32>,
    ) {
        while reached.changed().await.is_ok() {
            let latest = reached.borrow_and_update().clone();
            // The process that reads first gets the answer. The program has printed how to attach
            // from another terminal.
            if let Some(latest) = latest
                && !self.program_reads_keys(&program).await
                && self.agrees(&latest).await
                && let Err(error) = self.debug().await
            {
                self.terminal.error(&error);
            }
        }
    }

    /// Whether the program waits for keys, now or shortly.
    async fn program_reads_keys(&self, program: &watch::Receiver<u32>) -> bool {
        for _ in 0..CHECKS {
            if is_read_by(*program.borrow()) {
                return true;
            }
            sleep(CHECK_INTERVAL).await;
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
        let question = format!("Debug `{function}` at {file}:{line} in this terminal?");
        // Reads on a separate thread, so that the exit of the program does not wait for an answer.
        let answer = tokio::task::spawn_blocking(move || terminal.confirm(question)).await;
        matches!(answer, Ok(Ok(Some(true))))
    }

    /// Runs the debugger in the foreground of this terminal.
    async fn debug(&self) -> io::Result<()> {
        let _debugging = self.debugging.lock().await;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["kt", "debug", &self.connected.service]);
        command.args(self.connected.place.options());
        // Its own process group, so that Ctrl-C at gdb's prompt does not interrupt the program.
        command.process_group(0);
        let mut child = command.spawn()?;
        let _foreground = child.id().map(Foreground::give).transpose()?;
        child.wait().await?;
        Ok(())
    }
}
