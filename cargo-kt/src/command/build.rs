//! `cargo kt build`.

use std::process::ExitCode;

use super::{deploy_args::DeployArgs, dry_run, start, terminal};
use crate::{plan::CargoOptions, session};

#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    deploy: DeployArgs,
}

pub(super) fn build(args: BuildArgs) -> ExitCode {
    let terminal = &terminal(&args.cargo);
    start(terminal, async {
        if let Some(form) = args.deploy.dry_run {
            dry_run::print(form, &args.cargo, args.deploy.flags())?;
            return Ok(ExitCode::SUCCESS);
        }
        let request = args.deploy.request(&args.cargo, 0);
        let deployed = session::deploy(&request, terminal).await?;
        if !deployed.swapped.changed {
            let (service, generation) = (&deployed.connected.service, deployed.swapped.generation);
            terminal.status(
                "Fresh",
                format_args!("{service} has generation {generation}"),
            );
        }
        Ok(ExitCode::SUCCESS)
    })
}
