//! `cargo kt state`: looks at what a service holds in its states, and changes it.

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

use self::service::Asked;
use super::{
    CommandError, Speech, StateError, error::Deed, places::PlaceArgs, profile::ProfileArgs,
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
    /// List the states: type, size, the generation that made the value, what the last swap did
    Ls {
        #[command(flatten)]
        common: Common,
    },
    /// Print a state's value: as JSON if its type has serde, else as Debug has it, else its layout
    Get {
        /// The state, or the end of its path
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Give a state a value
    Set {
        /// The state, or the end of its path
        #[arg(value_name = "NAME")]
        name: String,
        /// The value as `get` prints it; `-` reads it from standard input
        #[arg(value_name = "JSON", allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        common: Common,
    },
    /// Give states the values of their initialisers
    Clear {
        /// The states, or the ends of their paths
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Clear all states
    Reset {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Free values that were set aside because their states are gone from the program, and those that a swap reset
    Drop {
        /// These; all if there is none
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Write all states that have serde to a file
    Save {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Overwrite the file if there is one
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Give states the values that `save` wrote, all or none
    Load {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
}

/// Which service, and how to speak of it.
#[derive(Debug, clap::Args)]
struct Common {
    /// The service, as `cargo kt ls` names it [default: this workspace's, or the only one]
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
/// If there is no worker that could have any, or it does not answer.
pub(super) async fn list(
    connected: &Connected,
    terminal: &Terminal,
) -> Result<Vec<StateInfo>, CommandError> {
    let asked = Asked {
        connected,
        terminal,
        is_json: false,
    };
    match asked.ask(Deed::List, StateRequest::List).await? {
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
    let chosen = places.connect(&name).await?;
    let asked = Asked {
        connected: &chosen,
        terminal,
        is_json: common.speech.is_json(),
    };
    match command {
        StateCommand::Ls { .. } => ls::ls(&asked).await?,
        StateCommand::Get { name, .. } => get::get(&asked, name).await?,
        StateCommand::Set { name, value, .. } => set::set(&asked, name, value).await?,
        StateCommand::Clear { names, .. } => aside::clear(&asked, names).await?,
        StateCommand::Reset { yes, .. } => aside::reset(&asked, *yes).await?,
        StateCommand::Drop { names, .. } => aside::drop(&asked, names).await?,
        StateCommand::Save { file, force, .. } => files::save(&asked, file, *force).await?,
        StateCommand::Load { file, .. } => files::load(&asked, file).await?,
    }
    Ok(ExitCode::SUCCESS)
}
