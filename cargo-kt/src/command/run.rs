//! `cargo kt run`.

use std::{ffi::OsString, process::ExitCode};

use super::{deploy_args::DeployArgs, dry_run, start, terminal};
use crate::{plan::CargoOptions, session};

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    deploy: DeployArgs,
    // As in cargo: a flag before the first argument is ours, so that a mistyped flag is an error.
    /// Arguments for the program
    #[arg(
        trailing_var_arg = true,
        value_name = "ARGS",
        help_heading = Option::<&'static str>::None
    )]
    args: Vec<OsString>,
}

pub(super) fn run(args: RunArgs) -> ExitCode {
    let terminal = &terminal(&args.cargo);
    start(terminal, async {
        if let Some(form) = args.deploy.dry_run {
            dry_run::print(form, &args.cargo, args.deploy.flags())?;
            return Ok(ExitCode::SUCCESS);
        }
        let request = args.deploy.request(&args.cargo, args.args.len());
        let deployed = session::deploy(&request, terminal).await?;
        Ok(session::call::run(deployed, &args.args, terminal).await?)
    })
}
