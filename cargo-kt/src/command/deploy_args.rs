//! The arguments of the commands that deploy: `run` and `build`.

use std::time::Duration;

use super::dry_run::DryRun;
use crate::{
    config,
    plan::CargoOptions,
    session::{Request, StateChoices},
};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "State Options")]
pub(super) struct DeployArgs {
    #[command(flatten)]
    options: config::Flags,
    /// Print the objects that would be created in the cluster, and do nothing else
    #[arg(long, value_name = "FORM", value_enum, help_heading = config::Group::Service.title())]
    pub(super) dry_run: Option<DryRun>,
    /// Do not ask the image's registry when a pod is launched
    #[arg(long, env = "KT_NO_IMAGE_CHECK", help_heading = config::Group::Pod.title())]
    no_image_check: bool,
    /// Refuse new code that would reset a state
    #[arg(long, env = "KT_KEEP_STATE")]
    keep_state: bool,
    /// Reset this state if it cannot be migrated; may be repeated, `all` allows any
    #[arg(
        long,
        value_name = "NAME",
        env = "KT_RESET_STATE",
        value_delimiter = ',',
        num_args = 1,
        action = clap::ArgAction::Append,
        conflicts_with = "keep_state"
    )]
    reset_state: Vec<String>,
    /// How long running calls and locks may delay the migration of a state
    #[arg(long, value_name = "DURATION", env = "KT_STATE_TIMEOUT", value_parser = config::duration::parse)]
    state_timeout: Option<Duration>,
    /// Do not ask before state is lost
    #[arg(short, long)]
    yes: bool,
}

impl DeployArgs {
    /// The options of the service.
    pub(super) fn flags(&self) -> &config::Flags {
        &self.options
    }

    /// The request that these arguments make.
    pub(super) fn request<'a>(
        &'a self,
        cargo: &'a CargoOptions,
        program_arguments: usize,
    ) -> Request<'a> {
        Request {
            cargo,
            flags: &self.options,
            states: StateChoices {
                keep: self.keep_state,
                resets: &self.reset_state,
                timeout: self.state_timeout,
                yes: self.yes,
            },
            image_check: !self.no_image_check,
            program_arguments,
        }
    }
}
