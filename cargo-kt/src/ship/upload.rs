//! Uploads all objects that the service lacks, several at a time.

use kt::wire::{
    ObjectId,
    client::Client,
    control::path,
    manifest::Object,
    upload::{Missing, MissingObject, Wanted},
};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::Instrument;

use super::{
    Files, References, ShipError, Shipment, Transport,
    send::{Sending, Sent, Step},
};

/// Concurrent uploads: enough to hide reading, encoding and hashing behind sending.
const STREAMS: usize = 3;

/// Progress, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Decoded.
    pub done: u64,
    pub total: u64,
    /// Encoded, on the wire.
    pub sent: u64,
}

/// A finished upload of all objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shipped {
    pub objects: usize,
    /// Decoded.
    pub bytes: u64,
    /// Encoded, on the wire; without the parts of interrupted uploads.
    pub sent: u64,
    /// Objects that were sent as patches.
    pub patched: usize,
    /// Resumed uploads.
    pub resumed: usize,
    /// Objects that the service had.
    pub present: usize,
    pub(crate) again: bool,
}

impl Shipped {
    pub(super) fn and(self, more: Self) -> Self {
        Self {
            objects: self.objects + more.objects,
            bytes: self.bytes + more.bytes,
            sent: self.sent + more.sent,
            patched: self.patched + more.patched,
            resumed: self.resumed + more.resumed,
            present: self.present,
            again: true,
        }
    }
}

/// Sends the objects of a manifest that the service lacks.
///
/// # Errors
/// If a file cannot be read, or the service rejects it.
pub async fn ship(
    client: &Client,
    shipment: &Shipment<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Shipped, ShipError> {
    let objects: Vec<&Object> = shipment.manifest.objects().collect();
    let cargo = Cargo {
        objects: &objects,
        files: shipment.files,
        references: shipment.references,
        transport: shipment.transport,
    };
    send_missing(client, cargo, progress).await
}

/// Sends those of some objects that the service lacks.
///
/// # Errors
/// As [`ship`].
pub async fn ship_objects(
    client: &Client,
    objects: &[Object],
    files: &Files,
    transport: Transport,
) -> Result<Shipped, ShipError> {
    let objects: Vec<&Object> = objects.iter().collect();
    let cargo = Cargo {
        objects: &objects,
        files,
        references: &References::default(),
        transport,
    };
    send_missing(client, cargo, &mut |_| {}).await
}

/// The objects to send if they are missing.
struct Cargo<'a> {
    objects: &'a [&'a Object],
    files: &'a Files,
    references: &'a References,
    transport: Transport,
}

/// An upload for each missing object, with its size. The largest is last and is taken first: the
/// others run beside it.
fn uploads(
    client: &Client,
    cargo: &Cargo<'_>,
    missing: Missing,
    steps: &mpsc::UnboundedSender<Step>,
) -> Result<Vec<(u64, Sending)>, ShipError> {
    let mut uploads = Vec::new();
    for MissingObject { id, partials } in missing.objects {
        let Some(object) = cargo.objects.iter().find(|object| object.id == id) else {
            continue;
        };
        let path = cargo.files.get(&id).ok_or_else(|| ShipError::NoFile {
            name: object.name.clone(),
        })?;
        let reference = cargo.references.get(&id);
        let sending = Sending {
            client: client.clone(),
            id,
            path: path.clone(),
            transport: cargo.transport,
            reference: reference
                .filter(|reference| missing.references.contains(&reference.id))
                .cloned(),
            partials,
            steps: steps.clone(),
        };
        uploads.push((object.size, sending));
    }
    uploads.sort_unstable_by_key(|(size, sending)| (*size, sending.id));
    Ok(uploads)
}

async fn send_missing(
    client: &Client,
    cargo: Cargo<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Shipped, ShipError> {
    let mut objects: Vec<ObjectId> = cargo.objects.iter().map(|object| object.id).collect();
    objects.sort_unstable();
    objects.dedup();
    let all = objects.len();
    let references = cargo.references.values();
    let wanted = Wanted {
        objects,
        references: references.map(|reference| reference.id).collect(),
    };
    let missing: Missing = client
        .ask(path::MISSING, &wanted)
        .await
        .map_err(ShipError::Request)?;
    let (steps, mut made) = mpsc::unbounded_channel();
    let mut waiting = uploads(client, &cargo, missing, &steps)?;
    drop(steps);
    let bytes = waiting.iter().map(|(size, _)| size).sum();
    let mut shipped = Shipped {
        objects: waiting.len(),
        bytes,
        present: all - waiting.len(),
        ..Shipped::default()
    };
    tracing::debug!(
        missing = shipped.objects,
        bytes,
        present = shipped.present,
        "objects compared"
    );
    let mut counted = Progress {
        total: bytes,
        ..Progress::default()
    };
    let mut count = |step: Step| {
        counted.done += step.covered;
        counted.sent += step.sent;
        progress(counted);
        counted.sent
    };

    // Dropping it on an error cancels the others.
    let mut sending = JoinSet::new();
    loop {
        while sending.len() < STREAMS
            && let Some((_, object)) = waiting.pop()
        {
            sending.spawn(object.run().in_current_span());
        }
        tokio::select! {
            Some(step) = made.recv() => shipped.sent = count(step),
            done = sending.join_next() => match done {
                None => break,
                Some(Ok(done)) => {
                    let Sent { patched, resumed } = done?;
                    shipped.patched += usize::from(patched);
                    shipped.resumed += usize::from(resumed);
                }
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }
    while let Ok(step) = made.try_recv() {
        shipped.sent = count(step);
    }
    Ok(shipped)
}
