//! `cargo kt build`.

use std::process::ExitCode;

use super::{
    dry_run,
    run::ServiceArgs,
    start, terminal,
    warm::{Wanted, warm},
};
use crate::plan::CargoOptions;

#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    service: ServiceArgs,
}

pub(super) fn build(args: BuildArgs) -> ExitCode {
    let terminal = &terminal(&args.cargo);
    start(terminal, async {
        if let Some(form) = args.service.dry_run {
            dry_run::print(form, &args.cargo, &args.service)?;
            return Ok(ExitCode::SUCCESS);
        }
        let wanted = Wanted {
            options: &args.cargo,
            service: &args.service,
            program_arguments: 0,
        };
        let warm = warm(&wanted, terminal).await?;
        if !warm.swapped.changed {
            terminal.status(
                "Fresh",
                format_args!(
                    "{} has generation {}",
                    warm.connected.service, warm.swapped.generation
                ),
            );
        }
        Ok(ExitCode::SUCCESS)
    })
}
