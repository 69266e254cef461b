//! Prints the output of workers, on a thread of kt's own: a runtime of the user's may be blocked or
//! dropped, and a terminal may be slow. All output of a call is printed before its answer is
//! returned.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, OnceLock},
    thread,
};

use bytes::BytesMut;
use tokio::{
    runtime::Builder,
    sync::{
        Mutex,
        mpsc::{self, UnboundedSender},
        oneshot,
    },
};

use super::{Driver, death, dial, printed::Printed};
use crate::{
    error::Error,
    quiet::Quiet,
    wire::{WorkerId, client, data, frame, http::Body, limits},
};

/// The workers whose output this process prints, over one connection each.
#[derive(Debug, Default)]
pub(super) struct Output(Mutex<HashMap<u64, Arc<Printed>>>);

impl Output {
    /// Attaches to a worker's output, before any call to it. `None`: the service has another worker
    /// by now.
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
        let ended = || driver.unavailable("the thread that prints its output has stopped");
        asked.map_err(|_| ended())?;
        let printed = attached.await.map_err(|_| ended())??;
        let instance = printed.worker.instance;
        all.retain(|_, printed| printed.is_open());
        all.insert(instance, printed.clone());
        Ok((instance == worker.instance).then_some(printed))
    }
}

type Attached = oneshot::Sender<Result<Arc<Printed>, Error>>;

/// The printing thread, started on first use. It attaches to the service's worker on request.
fn printer(driver: &'static Driver) -> Result<&'static UnboundedSender<Attached>, Error> {
    let failed = |error: &io::Error| {
        driver.unavailable(format!("failed to start a thread for its output: {error}"))
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
                            // If the caller gave up, printing stops at the next output.
                            let _ = attached.send(attach(driver).await);
                        }));
                    }
                });
            })?;
        Ok(sender)
    });
    started.as_ref().map_err(failed)
}

/// The channel to the printing thread.
pub(super) type Printer = OnceLock<io::Result<UnboundedSender<Attached>>>;

/// Connects to the service's worker and prints its output from now on.
async fn attach(driver: &'static Driver) -> Result<Arc<Printed>, Error> {
    let (client, _) = dial::start(driver).await?;
    let request = client::request(http::Method::GET, data::OUTPUT);
    let response = client.request(request, bytes::Bytes::new()).await;
    let response = response.map_err(|error| driver.unavailable(error))?;
    let (mut body, mut buffer) = (response.into_body(), BytesMut::new());
    let first = next(&mut body, &mut buffer).await;
    let first = first.map_err(|error| driver.unavailable(error))?;
    let first = first.ok_or_else(|| driver.unavailable("its worker closed its output"))?;
    let printed = Arc::new(Printed::from(&first));
    tokio::spawn(Quiet::new(follow(printed.clone(), driver, body, buffer)));
    Ok(printed)
}

/// Prints to the end of the stream, and then what the worker left if it died.
async fn follow(
    printed: Arc<Printed>,
    driver: &'static Driver,
    mut body: Body,
    mut buffer: BytesMut,
) {
    while let Ok(Some(output)) = next(&mut body, &mut buffer).await {
        if Arc::strong_count(&printed) == 1 {
            // Its caller gave up before it got this: the next one attached again.
            return;
        }
        printed.print_output(&output);
        if let Some(reached) = output.breakpoint {
            tokio::spawn(Quiet::new(driver.breakpoint_printed(reached)));
        }
    }
    printed.ending();
    let death = death::inquire(driver, &printed).await;
    printed.over(death);
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
