//! *ship*: sends the objects that a service lacks, and requests the swap.
//!
//! [`upload`] queries which objects are missing, [`encode`] finds the shortest encoding of each,
//! and [`send`] sends it. It does not know how the service is reached, only whether the transport
//! is slower than encoding.

mod encode;
mod manifest;
mod reference;
mod send;
mod upload;

use std::{collections::HashMap, fmt, pin::pin, time::Duration};

use camino::Utf8PathBuf;
use kt::wire::{
    ObjectId,
    client::{Client, RequestError},
    control::{Numbers, SwapRefused, SwapRequest, Swapped, path},
    debug::DebuggerAttached,
    manifest::Manifest,
    state::StateOptions,
};

use tokio::time::timeout;
use tracing::{Instrument, debug_span};

use crate::terminal::text;

pub use encode::{compress, patch};
pub use manifest::{files, layers_of, manifest, start_with};
pub use reference::{Reference, References, references};
pub use upload::{Progress, Shipped, ship, ship_objects};

/// The file of each object on this machine.
pub type Files = HashMap<ObjectId, Utf8PathBuf>;

/// The transport between this machine and the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A socket of this machine, which is faster than compression: objects are sent as they are.
    SameHost,
    /// Anything slower: objects are compressed, or sent as patches where that is shorter.
    Network,
}

/// The objects that the service must have.
#[derive(Debug, Clone, Copy)]
pub struct Shipment<'a> {
    pub manifest: &'a Manifest,
    pub files: &'a Files,
    pub references: &'a References,
    pub transport: Transport,
}

/// How the service swaps to them.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Whether a running worker that cannot load them is replaced, which loses its state.
    pub replace_worker: bool,
    pub states: StateOptions,
    /// The lowest ids that the service may assign: it may have lost track of those it assigned
    /// before.
    pub at_least: Option<Numbers>,
}

/// Why a generation was not sent or not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShipError {
    #[error("failed to read {path}: {source}")]
    Read {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("no file is known for object `{name}`")]
    NoFile { name: String },
    #[error("the service rejected {path}: {source}")]
    Upload {
        path: Utf8PathBuf,
        source: RequestError,
    },
    #[error("failed to communicate with the service: {0}")]
    Request(#[source] RequestError),
    #[error("the program was linked without a base")]
    NoBase,
    #[error("the cached hash of {file} is malformed")]
    Hash {
        file: Utf8PathBuf,
        source: kt::wire::ParseObjectIdError,
    },
    /// The former generation keeps serving.
    #[error("the service rejected the new code and keeps serving the old: {}", reason(.0))]
    Refused(SwapRefused),
}

/// After this time without an answer the developer is notified. Loading takes some milliseconds,
/// unless an initializer of a library is slow or the worker hangs.
const SLOW: Duration = Duration::from_secs(5);

/// Sends the missing objects and makes the manifest the serving generation.
///
/// `slow` is called once if the worker takes [`SLOW`] to load it.
///
/// # Errors
/// If a file cannot be read or sent, or the generation is refused.
pub async fn swap(
    client: &Client,
    shipment: &Shipment<'_>,
    order: Order,
    progress: &mut (dyn FnMut(Progress) + Send),
    slow: &mut (dyn FnMut() + Send),
) -> Result<(Shipped, Swapped), ShipError> {
    let request = SwapRequest {
        manifest: shipment.manifest.clone(),
        replace_worker: order.replace_worker,
        states: order.states,
        at_least: order.at_least,
    };
    let shipping = ship(client, shipment, progress).instrument(debug_span!("ship"));
    let mut shipped = shipping.await?;
    loop {
        let asking = client.ask(path::SWAP, &request);
        let mut asking = pin!(asking.instrument(debug_span!("swap")));
        let swapped = match timeout(SLOW, asking.as_mut()).await {
            Ok(swapped) => swapped,
            Err(_) => {
                slow();
                asking.await
            }
        };
        let swapped: Result<Swapped, SwapRefused> = swapped.map_err(ShipError::Request)?;
        match swapped {
            Ok(swapped) => {
                tracing::debug!(generation = %swapped.generation, changed = swapped.changed, "swapped");
                return Ok((shipped, swapped));
            }
            // Another `cargo kt` swapped meanwhile to a generation without them. This is retried
            // once.
            Err(SwapRefused::Missing(_)) if !shipped.again => {
                tracing::debug!("shipping again: the service removed objects");
                let more = ship(client, shipment, progress).await?;
                shipped = shipped.and(more);
            }
            Err(refused) => return Err(ShipError::Refused(refused)),
        }
    }
}

fn reason(refused: &SwapRefused) -> String {
    match refused {
        SwapRefused::Missing(ids) => {
            let objects = text::count(ids.len(), "object");
            format!("it lost {objects} between their upload and the swap; run again")
        }
        SwapRefused::NeedsNewWorker { because } => format!("it would need a new worker: {because}"),
        SwapRefused::WorkerStart(why) => format!("a worker could not be started: {why}"),
        SwapRefused::Load(why) => why.clone(),
        SwapRefused::Died(death) => {
            let death = kt::Death::from(death.clone());
            format!("the worker died while it loaded the new code: {death}")
        }
        // The caller knows how their types differ, and reports that.
        SwapRefused::WouldReset(states) => {
            format!("it would reset {}", text::count(states.len(), "state"))
        }
        SwapRefused::Busy { .. } => "its states are in use".to_owned(),
        SwapRefused::NotMigrated(states) => {
            let states = text::count(states.len(), "state");
            format!("{states} could not be migrated")
        }
        SwapRefused::Debugged(debugger) => format!(
            "{}\nhelp: detach it, or attach with `cargo kt debug --reload wait`",
            debugger_attached(debugger)
        ),
        SwapRefused::Init { key, why, .. } => format!("init function `{key}` {why}"),
        SwapRefused::TimedOut { after_ms, .. } => {
            let after = text::duration(Duration::from_millis(*after_ms));
            format!(
                "the worker did not finish loading within {after}: it hangs, or an initializer of a library is slow\nhelp: `cargo kt down` stops it and loses its state"
            )
        }
    }
}

/// Who attached a debugger, and how long ago.
pub fn debugger_attached(debugger: &DebuggerAttached) -> impl fmt::Display {
    let since = text::duration(Duration::from_millis(debugger.since_ms));
    format!("a debugger of {} is attached, since {since}", debugger.who)
}
