//! `cargo kt doctor`: checks whether this machine has what kt needs, and prints how to fix what is
//! missing.

mod bundle;
mod check;
#[cfg_attr(not(feature = "kubernetes"), path = "cluster_absent.rs")]
mod cluster;
mod directories;
mod machine;
mod redact;
mod toolchain;
mod zip;

use std::{path::PathBuf, process::ExitCode};

use self::check::{Check, Level, Need};
use super::{CommandError, OutputArgs, places::PlaceArgs, print::print, start};

/// Exit code for a failed check, as opposed to a failed command.
const CHECK_FAILED: u8 = 1;

#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Also write a zip file for a bug report, without tokens, credentials or values of environment
    /// variables
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    places: PlaceArgs,
}

/// Exits with code 1 if something is missing that local services need.
pub(super) fn doctor(args: DoctorArgs) -> ExitCode {
    let terminal = args.output.terminal();
    start(&terminal, async {
        let checks = checks(&args.places).await;
        match args.output.is_json() {
            true => checks
                .iter()
                .for_each(|check| terminal.json("kt-check", check)),
            false => print(&checks.iter().map(Check::line).collect::<String>())?,
        }
        if let Some(file) = &args.bundle {
            bundle::write(file, &checks, &args.places)
                .await
                .map_err(|source| CommandError::Io {
                    what: format!("write {}", file.display()),
                    source,
                })?;
            terminal.status(
                "Wrote",
                format_args!("{} (review it before you send it)", file.display()),
            );
            terminal.json("kt-bundle", &serde_json::json!({"file": file}));
        }
        let failed = |check: &Check| check.need == Need::Local && check.level == Level::Error;
        Ok(match checks.iter().any(failed) {
            true => ExitCode::from(CHECK_FAILED),
            false => ExitCode::SUCCESS,
        })
    })
}

async fn checks(places: &PlaceArgs) -> Vec<Check> {
    let mut checks = toolchain::checks();
    checks.extend(directories::checks());
    checks.extend(machine::checks());
    checks.extend(cluster::checks(&places.selection()).await);
    checks
}
