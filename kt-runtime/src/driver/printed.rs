//! How far the output of one worker is printed.

use std::io::{self, Write};

use tokio::{sync::watch, time};

use crate::wire::{WorkerId, control::Death, data, limits};

/// How far the output of one worker is printed.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) worker: WorkerId,
    place: watch::Sender<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// Counted by the worker.
    position: u64,
    /// In the service's log. The rest of a dead worker's output follows there.
    logged: u64,
    print: Print,
    life: Life,
}

/// What the printing thread does.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Print {
    #[default]
    Idle,
    /// It waits for the lock on standard output or error. The caller that waits for the output may
    /// hold it.
    Locking,
    /// It writes to this process's standard output or error.
    Writing,
}

/// The state of the output's connection.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Life {
    #[default]
    Open,
    /// The host is asked how the worker stopped.
    Ending,
    /// How the worker stopped; `None` if it runs or nothing is known.
    Over(Option<Box<Death>>),
}

impl Printed {
    /// Whether more output may come.
    pub(super) fn is_open(&self) -> bool {
        self.place.borrow().life == Life::Open
    }

    /// Waits until everything up to a position is printed: as long as this process's own output
    /// takes, but with a timeout if no bytes arrive. An answer matters more than a line of output.
    pub(super) async fn up_to(&self, position: u64) {
        if self.place.borrow().position >= position {
            return;
        }
        // Boxed: most calls print nothing, and need no timer.
        Box::pin(self.wait_up_to(position)).await;
    }

    async fn wait_up_to(&self, position: u64) {
        let mut place = self.place.subscribe();
        loop {
            {
                let place = place.borrow_and_update();
                if place.position >= position {
                    return;
                }
                if matches!(place.life, Life::Over(_)) {
                    break;
                }
            }
            let moved = time::timeout(limits::OUTPUT, place.changed()).await;
            if moved.is_err() && self.place.borrow().print != Print::Writing {
                break;
            }
        }
        match self.place.borrow().print {
            Print::Locking => eprintln!(
                "kt: output of the worker is delayed: this program holds the lock on its standard output"
            ),
            _ => eprintln!("kt: some output of the worker is missing; `cargo kt logs` may have it"),
        }
        self.place
            .send_modify(|place| place.position = place.position.max(position));
    }

    /// How the worker stopped, after the rest of its output is printed. `None`: it may still run.
    pub(super) async fn death(&self) -> Option<Box<Death>> {
        let mut place = self.place.subscribe();
        let begun = place.wait_for(|place| place.life != Life::Open);
        time::timeout(limits::DEATH, begun).await.ok()?.ok()?;
        let over = place.wait_for(|place| matches!(place.life, Life::Over(_)));
        let over = time::timeout(limits::HANDSHAKE, over).await.ok()?.ok()?;
        match &over.life {
            Life::Over(death) => death.clone(),
            Life::Open | Life::Ending => None,
        }
    }

    /// Where the rest of the output is in the log.
    pub(super) fn logged(&self) -> u64 {
        self.place.borrow().logged
    }

    pub(super) fn print_logged(&self, bytes: &[u8]) {
        // The log does not name the stream. The last output of a dying process is most likely
        // stderr.
        self.print(data::Stream::Stderr, bytes);
        let length = bytes.len() as u64;
        self.place.send_modify(|place| place.logged += length);
    }

    fn print(&self, stream: data::Stream, bytes: &[u8]) {
        let at = |print| {
            self.place.send_modify(|place| place.print = print);
        };
        at(Print::Locking);
        // A closed terminal must not stop the program: its calls may matter more than their output.
        let _ = match stream {
            data::Stream::Stdout => {
                let mut stdout = io::stdout().lock();
                at(Print::Writing);
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            data::Stream::Stderr => {
                let mut stderr = io::stderr().lock();
                at(Print::Writing);
                stderr.write_all(bytes)
            }
        };
        at(Print::Idle);
    }

    /// Prints one frame of the worker's output.
    pub(super) fn print_output(&self, output: &data::Output) {
        if !output.bytes.is_empty() {
            self.print(output.stream, &output.bytes);
        }
        self.place.send_modify(|place| {
            place.position = place.position.max(output.position);
            place.logged = output.logged;
        });
    }

    /// The output has ended. The host is asked how the worker stopped.
    pub(super) fn ending(&self) {
        self.place.send_modify(|place| place.life = Life::Ending);
    }

    /// The host has answered.
    pub(super) fn over(&self, death: Option<Death>) {
        let death = death.map(Box::new);
        self.place
            .send_modify(|place| place.life = Life::Over(death));
    }
}

/// The first frame, which has no bytes.
impl From<&data::Output> for Printed {
    fn from(first: &data::Output) -> Self {
        Self {
            worker: first.worker,
            place: watch::Sender::new(Place {
                position: first.position,
                logged: first.logged,
                ..Place::default()
            }),
        }
    }
}
