//! *ship*: from objects on this machine to a generation that serves there. Sends what the service lacks, and swaps.
//!
//! [`upload`] asks what is missing and sends it, [`encode`] finds the shortest form of each object, of which [`send`] sends what
//! is not there yet. It may not know how the service is reached, but for whether bytes on the way cost more than encoding them.

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

use crate::terminal::text;

pub use encode::{compress, patch};
pub use manifest::{files, layers_of, manifest};
pub use reference::{Reference, References, references};
pub use upload::{Progress, Shipped, ship, ship_objects};

/// Where each object's file lies here.
pub type Files = HashMap<ObjectId, Utf8PathBuf>;

/// What lies between here and the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A socket of this machine: it takes the bytes faster than they can be compressed, so they go as they are.
    SameMachine,
    /// Anything slower: objects go compressed, as patches where that is shorter.
    Network,
}

/// What is to be there.
#[derive(Debug, Clone, Copy)]
pub struct Shipment<'a> {
    pub manifest: &'a Manifest,
    pub files: &'a Files,
    pub references: &'a References,
    pub link: Link,
}

/// How it is to become what serves.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// A running worker that cannot load it may be replaced, its state lost.
    pub replace_worker: bool,
    pub states: StateOptions,
    /// The least numbers to be given out, where the service may have forgotten those it gave out before.
    pub at_least: Option<Numbers>,
}

/// Why a generation did not get there or was not taken.
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
    #[error("the service did not take {path}: {source}")]
    Upload {
        path: Utf8PathBuf,
        source: RequestError,
    },
    #[error("failed to talk to the service: {0}")]
    Request(#[source] RequestError),
    #[error("list the objects: the program was linked without a base")]
    NoBase,
    #[error("list the objects: what is kept as the hash of {file} is none")]
    Hash {
        file: Utf8PathBuf,
        source: kt::wire::ParseObjectIdError,
    },
    /// The generation before serves on.
    #[error("the service did not take the new code, the old serves on: {}", words(.0))]
    Refused(SwapRefused),
}

/// How long a worker may take to load new code before its developer is told: it takes some milliseconds, unless initializers
/// of libraries compute or the worker hangs.
const SLOW: Duration = Duration::from_secs(5);

/// Sends what is missing and makes the manifest the generation that serves.
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
    let mut shipped = ship(client, shipment, progress).await?;
    loop {
        let mut asking = pin!(client.ask(path::SWAP, &request));
        let swapped = match timeout(SLOW, asking.as_mut()).await {
            Ok(swapped) => swapped,
            Err(_) => {
                slow();
                asking.await
            }
        };
        let swapped: Result<Swapped, SwapRefused> = swapped.map_err(ShipError::Request)?;
        match swapped {
            Ok(swapped) => return Ok((shipped, swapped)),
            // Another `cargo kt` was faster with a generation that did not need them. Once: then something else is wrong.
            Err(SwapRefused::Missing(_)) if !shipped.again => {
                let more = ship(client, shipment, progress).await?;
                shipped = shipped.and(more);
            }
            Err(refused) => return Err(ShipError::Refused(refused)),
        }
    }
}

fn words(refused: &SwapRefused) -> String {
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
        // The command knows what differs in their types, and says more.
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
                "the worker did not finish loading within {after}: it hangs, or an initializer of a library computes; `cargo kt down` ends it with its state"
            )
        }
    }
}

/// Who attached a debugger, and how long ago.
pub fn debugger_attached(debugger: &DebuggerAttached) -> impl fmt::Display {
    let since = text::duration(Duration::from_millis(debugger.since_ms));
    format!("a debugger of {} is attached, since {since}", debugger.who)
}
