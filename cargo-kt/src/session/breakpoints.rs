//! While the program runs: calls that wait at a breakpoint, and the question whether to debug them here.
//!
//! The worker itself says where a call waits, and the program prints it. Then it tells us, so the question comes behind it.

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

/// How often, and in what intervals, is looked whether the program waits for keys: it may be busy with some just now.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// Asks a person about calls that wait.
pub(super) struct Breakpoints {
    connected: Connected,
    terminal: Terminal,
    /// Held while a debugger has the terminal.
    debugging: Arc<Mutex<()>>,
}

impl Breakpoints {
    /// `None` if nobody is there who could be asked.
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

    /// Asks about the latest call that waits, again and again. To be dropped with the program.
    pub(super) async fn ask(
        self,
        mut reached: watch::Receiver<Option<BreakpointReached>>,
        program: watch::Receiver<u32>,
    ) {
        while reached.changed().await.is_ok() {
            let latest = reached.borrow_and_update().clone();
            // The process that reads first gets the answer. What was printed says how to attach from another terminal.
            if let Some(latest) = latest
                && !self.program_reads_keys(&program).await
                && self.agrees(&latest).await
                && let Err(error) = self.debug().await
            {
                self.terminal.error(&error);
            }
        }
    }

    /// Whether the program waits for keys, or does again in a moment.
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
        // Read on a thread of its own; a program that ends does not wait for the answer.
        let asked = tokio::task::spawn_blocking(move || terminal.confirm(question)).await;
        matches!(asked, Ok(Ok(Some(true))))
    }

    /// Runs the debugger in the program's place on this terminal.
    async fn debug(&self) -> io::Result<()> {
        let _debugging = self.debugging.lock().await;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["kt", "debug", &self.connected.service]);
        command.args(self.connected.place.options());
        // A group of its own, so that Ctrl-C at gdb's prompt does not end the program.
        command.process_group(0);
        let mut child = command.spawn()?;
        let _foreground = child.id().map(Foreground::give).transpose()?;
        child.wait().await?;
        Ok(())
    }
}
