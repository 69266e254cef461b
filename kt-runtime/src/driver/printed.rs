//! How far the output of one worker is printed.

use std::io::{self, Write};

use tokio::{sync::watch, time};

use crate::wire::{WorkerId, control::Death, data, limits};

/// How far one worker's output is printed here.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) worker: WorkerId,
    place: watch::Sender<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// In the worker's count of what it printed.
    position: u64,
    /// In the service's log: what the worker leaves when it dies lies behind.
    logged: u64,
    print: Print,
    life: Life,
}

/// What the thread that prints is at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Print {
    #[default]
    Idle,
    /// It waits for the lock on standard output or error, which may be held by who waits for the output.
    Locking,
    /// This process's own output takes its time.
    Writing,
}

/// Of the connection that brings the output.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Life {
    #[default]
    Open,
    /// The host is being asked how the worker ended.
    Ending,
    /// The worker's end; none if it lives on or nothing is known of it.
    Over(Option<Box<Death>>),
}

impl Printed {
    /// Whether output still comes.
    pub(super) fn is_open(&self) -> bool {
        self.place.borrow().life == Life::Open
    }

    /// Waits until everything up to a position is printed: for as long as this process's own output takes, but not for ever
    /// for bytes that do not come. An answer is worth more than a line.
    pub(super) async fn up_to(&self, position: u64) {
        if self.place.borrow().position >= position {
            return;
        }
        // Boxed: most calls print nothing, and should not carry a timer.
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
                "kt: output of the worker comes later: it waits for a lock on this program's standard output"
            ),
            _ => eprintln!(
                "kt: some output of the worker is missing here; `cargo kt logs` may have it"
            ),
        }
        self.place
            .send_modify(|place| place.position = place.position.max(position));
    }

    /// How the worker ended, once what it left is printed. `None`: it lives on, as far as can be known.
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
        // Which stream it was, the log does not tell; a dying process's last words are for stderr.
        self.print(data::Stream::Stderr, bytes);
        let length = bytes.len() as u64;
        self.place.send_modify(|place| place.logged += length);
    }

    fn print(&self, stream: data::Stream, bytes: &[u8]) {
        let at = |print| {
            self.place.send_modify(|place| place.print = print);
        };
        at(Print::Locking);
        // A closed terminal must not end the program: its calls may matter more than their output.
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

    /// The output has ended, and the host is asked how the worker ended.
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
