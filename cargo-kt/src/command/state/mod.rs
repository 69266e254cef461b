//! `cargo kt state`: shows and changes the states of a service.

mod aside;
mod files;
mod get;
mod json;
mod layout;
mod ls;
mod names;
mod service;
mod set;

use std::{path::PathBuf, process::ExitCode};

pub(super) use ls::rows;

use kt::wire::state::{StateAnswer, StateInfo, StateRequest};

use self::service::StateClient;
use super::{
    CommandError, Speech, StateError, error::Operation, places::PlaceArgs, profile::ProfileArgs,
    service::choose, start,
};
use crate::{place::Connected, terminal::Terminal};

#[derive(Debug, clap::Args)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, clap::Subcommand)]
enum StateCommand {
    /// List the states: type, size, the generation that created the value, and the outcome of the
    /// last swap
    Ls {
        #[command(flatten)]
        common: Common,
    },
    /// Print a state's value: as JSON if its type has serde, else with Debug, else its layout
    Get {
        /// State name: its path, or the end of it
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Set a state's value
    Set {
        /// State name: its path, or the end of it
        #[arg(value_name = "NAME")]
        name: String,
        /// The value, as printed by `get`; `-` reads it from standard input
        #[arg(value_name = "JSON", allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        common: Common,
    },
    /// Reset states to their initial values
    Clear {
        /// State names: their paths, or the ends of them
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Reset all states to their initial values
    Reset {
        /// Skip the confirmation prompt
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Free detached values, whose states were removed from the program, and former values, which a
    /// swap reset
    Drop {
        /// State names [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Save all states that have serde to a file
    Save {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Overwrite an existing file
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Load states from a file written by `save`, all or none
    Load {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
}

/// Options of all subcommands.
#[derive(Debug, clap::Args)]
struct Common {
    /// Service name, as shown by `cargo kt ls` [default: this workspace's service, or the only one]
    #[arg(long, value_name = "NAME", conflicts_with = "ProfileArgs")]
    service: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    speech: Speech,
}

impl StateCommand {
    fn common(&self) -> &Common {
        match self {
            Self::Ls { common }
            | Self::Get { common, .. }
            | Self::Set { common, .. }
            | Self::Clear { common, .. }
            | Self::Reset { common, .. }
            | Self::Drop { common, .. }
            | Self::Save { common, .. }
            | Self::Load { common, .. } => common,
        }
    }
}

/// The states of a service, for other commands.
///
/// # Errors
/// If there is no worker, or it does not answer.
pub(super) async fn list(
    connected: &Connected,
    terminal: &Terminal,
) -> Result<Vec<StateInfo>, CommandError> {
    let client = StateClient {
        connected,
        terminal,
        is_json: false,
    };
    match client.ask(Operation::List, StateRequest::List).await? {
        StateAnswer::List(states) => Ok(states),
        _ => Err(StateError::Unexpected.into()),
    }
}

pub(super) fn state(args: StateArgs) -> ExitCode {
    let common = args.command.common();
    let terminal = common.speech.terminal();
    start(&terminal, work(&args.command, common, &terminal))
}

async fn work(
    command: &StateCommand,
    common: &Common,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let places = common.places.places()?;
    let name = choose(common.service.as_deref(), &common.profile, &places).await?;
    let connected = places.connect(&name).await?;
    let client = StateClient {
        connected: &connected,
        terminal,
        is_json: common.speech.is_json(),
    };
    match command {
        StateCommand::Ls { .. } => ls::ls(&client).await?,
        StateCommand::Get { name, .. } => get::get(&client, name).await?,
        StateCommand::Set { name, value, .. } => set::set(&client, name, value).await?,
        StateCommand::Clear { names, .. } => aside::clear(&client, names).await?,
        StateCommand::Reset { yes, .. } => aside::reset(&client, *yes).await?,
        StateCommand::Drop { names, .. } => aside::drop(&client, names).await?,
        StateCommand::Save { file, force, .. } => files::save(&client, file, *force).await?,
        StateCommand::Load { file, .. } => files::load(&client, file).await?,
    }
    Ok(ExitCode::SUCCESS)
}
