//! `cargo kt describe`: shows the details of a service.

mod human;
mod json;

pub(super) use human::table_of_calls;
pub(super) use json::call as call_json;

use std::process::ExitCode;

use kt::wire::{
    control::Status,
    inspect::{Inspection, path::INSPECT},
    state::StateInfo,
};
use serde_json::Value;

use super::{CommandError, Speech, print::print, service::ServiceArgs, start, state};
use crate::{
    place::{Connected, PlaceError, PlaceName, Places},
    terminal::Terminal,
};

#[derive(Debug, clap::Args)]
pub(super) struct DescribeArgs {
    #[command(flatten)]
    speech: Speech,
    // Last: clap puts later options under its heading.
    #[command(flatten)]
    service: ServiceArgs,
}

/// The data of a page.
struct Described {
    place: PlaceName,
    /// The image of the pod's container.
    image: Option<String>,
    status: Status,
    inspection: Inspection,
    /// Or the reason they could not be listed.
    states: Result<Vec<StateInfo>, String>,
}

impl Described {
    /// Everything but the states: listing those may wait for locks.
    async fn without_states(connected: &Connected) -> Result<Self, PlaceError> {
        Ok(Self {
            place: connected.place.clone(),
            image: None,
            inspection: connected.ask(INSPECT, &()).await?,
            status: connected.status.clone(),
            states: Ok(Vec::new()),
        })
    }
}

/// The machine-readable page, without values from the service's own code.
///
/// # Errors
/// If the service does not answer.
pub(super) async fn without_values(places: &Places, name: &str) -> Result<Value, PlaceError> {
    let connected = places.connect(name).await?;
    Ok(json::page(&Described::without_states(&connected).await?))
}

pub(super) fn describe(args: DescribeArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, async {
        let places = args.service.places()?;
        let name = args.service.choose(&places).await?;
        let connected = places.connect(&name).await?;
        let described = Described {
            image: places.image(&connected).await?,
            states: states(&connected, &terminal).await?,
            ..Described::without_states(&connected).await?
        };
        match args.speech.is_json() {
            true => terminal.json("kt-service-description", &json::page(&described)),
            false => print(&human::page(&described))?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The states, or the reason they could not be listed: the rest of the page is still printed.
async fn states(
    connected: &Connected,
    terminal: &Terminal,
) -> Result<Result<Vec<StateInfo>, String>, CommandError> {
    match state::list(connected, terminal).await {
        Ok(states) => Ok(Ok(states)),
        Err(CommandError::State(refused)) => Ok(Err(refused.to_string())),
        Err(error) => Err(error),
    }
}
