//! What the worker prints, printed here: every byte of a call before its answer.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::BytesMut;
use tokio::{sync::watch, time};

use crate::quiet::Quiet;
use crate::wire::{WorkerId, data, frame, http::Body, limits};

/// Where this process is in the worker's output.
#[derive(Debug)]
pub(super) struct Output {
    position: watch::Sender<u64>,
    /// Whether a connection prints: with several, only one does.
    printing: AtomicBool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            position: watch::Sender::new(0),
            printing: AtomicBool::new(false),
        }
    }
}

impl Output {
    /// Takes the stream of a new connection: returns the worker's identity, which comes first, and prints the rest.
    pub(super) async fn attach(self: &Arc<Self>, mut body: Body) -> Result<WorkerId, String> {
        let mut buffer = BytesMut::new();
        let first = next(&mut body, &mut buffer)
            .await?
            .ok_or("the worker closed its output")?;
        if !self.printing.swap(true, Ordering::AcqRel) {
            self.reached(first.position);
            let printing = Printing(self.clone());
            tokio::spawn(Quiet::new(async move {
                while let Ok(Some(output)) = next(&mut body, &mut buffer).await {
                    print(output.stream, &output.bytes);
                    printing.0.reached(output.position);
                }
            }));
        }
        Ok(first.worker)
    }

    /// Waits until everything up to a position is printed; not for ever, since an answer is worth more than a line.
    pub(super) async fn printed_up_to(&self, position: u64) {
        if *self.position.borrow() >= position {
            return;
        }
        let mut reached = self.position.subscribe();
        // Boxed: most calls print nothing, and should not carry a timer.
        let waited = Box::pin(time::timeout(
            limits::OUTPUT,
            reached.wait_for(|reached| *reached >= position),
        ))
        .await;
        if waited.is_err() {
            eprintln!("kt: some output of the worker is missing here; `cargo kt logs` has it");
            self.reached(position);
        }
    }

    /// Up to where this process has printed.
    pub(super) fn position(&self) -> u64 {
        *self.position.borrow()
    }

    pub(super) fn reached(&self, position: u64) {
        self.position.send_if_modified(|reached| {
            let further = position > *reached;
            *reached = position.max(*reached);
            further
        });
    }
}

/// Lets another connection print when this one ends.
struct Printing(Arc<Output>);

impl Drop for Printing {
    fn drop(&mut self) {
        self.0.printing.store(false, Ordering::Release);
    }
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

pub(super) fn print(stream: data::Stream, bytes: &[u8]) {
    // A closed terminal must not end the program: its calls may matter more than their output.
    let _ = match stream {
        data::Stream::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        }
        data::Stream::Stderr => io::stderr().lock().write_all(bytes),
    };
}
