//! What workers print, printed here, by a thread of kt's own: a runtime of the user's may stand still or be gone, and a
//! terminal may be slow. Every byte of a call comes before its answer.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Arc, OnceLock},
    thread,
};

use bytes::BytesMut;
use tokio::{
    runtime::Builder,
    sync::{
        Mutex,
        mpsc::{self, UnboundedSender},
        oneshot, watch,
    },
    time,
};

use super::{Driver, connection::start, death};
use crate::{
    error::Error,
    quiet::Quiet,
    wire::{WorkerId, client, control::Death, data, frame, http::Body, limits},
};

/// The workers whose output this process prints, each by one connection.
#[derive(Debug, Default)]
pub(super) struct Output(Mutex<HashMap<u64, Arc<Printed>>>);

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

impl Output {
    /// The output of a worker, connected to before any call to it. `None`: the service has another worker by now.
    pub(super) async fn of(
        &self,
        driver: &'static Driver,
        worker: WorkerId,
    ) -> Result<Option<Arc<Printed>>, Error> {
        let mut all = self.0.lock().await;
        if let Some(printed) = all
            .get(&worker.instance)
            .filter(|printed| printed.is_open())
        {
            return Ok(Some(printed.clone()));
        }
        let (sender, attached) = oneshot::channel();
        let asked = printer(driver)?.send(sender);
        let ended = || driver.unavailable("the thread that prints its output has ended");
        asked.map_err(|_| ended())?;
        let printed = attached.await.map_err(|_| ended())??;
        let instance = printed.worker.instance;
        all.retain(|_, printed| printed.is_open());
        all.insert(instance, printed.clone());
        Ok((instance == worker.instance).then_some(printed))
    }
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

    /// Prints to the end of the stream, and then what the worker left if it is dead.
    async fn follow(
        self: Arc<Self>,
        driver: &'static Driver,
        mut body: Body,
        mut buffer: BytesMut,
    ) {
        while let Ok(Some(output)) = next(&mut body, &mut buffer).await {
            if Arc::strong_count(&self) == 1 {
                // Its caller gave up before it had this: the next one attached again.
                return;
            }
            if !output.bytes.is_empty() {
                self.print(output.stream, &output.bytes);
            }
            if let Some(reached) = output.breakpoint {
                tokio::spawn(Quiet::new(driver.breakpoint_printed(reached)));
            }
            self.place.send_modify(|place| {
                place.position = place.position.max(output.position);
                place.logged = output.logged;
            });
        }
        self.place.send_modify(|place| place.life = Life::Ending);
        let death = death::inquire(driver, &self).await.map(Box::new);
        self.place
            .send_modify(|place| place.life = Life::Over(death));
    }
}

type Attached = oneshot::Sender<Result<Arc<Printed>, Error>>;

/// The thread that prints, started for the first that needs it: it attaches to the service's worker for whoever asks.
fn printer(driver: &'static Driver) -> Result<&'static UnboundedSender<Attached>, Error> {
    let failed = |error: &io::Error| {
        driver.unavailable(format!("no thread can be started for its output: {error}"))
    };
    let started = driver.printer.get_or_init(|| -> io::Result<_> {
        let (sender, mut attaching) = mpsc::unbounded_channel::<Attached>();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("kt-output".into())
            .spawn(move || {
                runtime.block_on(async {
                    while let Some(attached) = attaching.recv().await {
                        tokio::spawn(Quiet::new(async move {
                            // A caller that has given up leaves it to end with the next output.
                            let _ = attached.send(attach(driver).await);
                        }));
                    }
                });
            })?;
        Ok(sender)
    });
    started.as_ref().map_err(failed)
}

/// How the thread is found.
pub(super) type Printer = OnceLock<io::Result<UnboundedSender<Attached>>>;

/// Connects to the service's worker and prints its output from here on.
async fn attach(driver: &'static Driver) -> Result<Arc<Printed>, Error> {
    let (client, _) = start(driver).await?;
    let request = client::request(http::Method::GET, data::OUTPUT);
    let response = client.request(request, bytes::Bytes::new()).await;
    let response = response.map_err(|error| driver.unavailable(error))?;
    let (mut body, mut buffer) = (response.into_body(), BytesMut::new());
    let first = next(&mut body, &mut buffer).await;
    let first = first.map_err(|error| driver.unavailable(error))?;
    let first = first.ok_or_else(|| driver.unavailable("its worker closed its output"))?;
    let printed = Arc::new(Printed {
        worker: first.worker,
        place: watch::Sender::new(Place {
            position: first.position,
            logged: first.logged,
            ..Place::default()
        }),
    });
    tokio::spawn(Quiet::new(printed.clone().follow(driver, body, buffer)));
    Ok(printed)
}

async fn next(body: &mut Body, buffer: &mut BytesMut) -> Result<Option<data::Output>, String> {
    loop {
        if let Some(output) =
            frame::decode(buffer, limits::CONTROL).map_err(|error| error.to_string())?
        {
            return Ok(Some(output));
        }
        match body.chunk().await {
            Some(chunk) => buffer.extend_from_slice(&chunk.map_err(|error| error.to_string())?),
            None => return Ok(None),
        }
    }
}
