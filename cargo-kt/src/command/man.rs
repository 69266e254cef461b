//! `cargo kt man`: writes the man pages, for the release script. It is hidden: a user gets the
//! pages from the tarball.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{CommandError, OutputArgs, start};

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Directory for `cargo-kt.1` and the page of each command, such as `cargo-kt-run.1`
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

pub(super) fn man(args: ManArgs, cargo: clap::Command) -> ExitCode {
    start(&OutputArgs::default().terminal(), async {
        let failed = |source| CommandError::Io {
            what: format!("write man pages to {}", args.out.display()),
            source,
        };
        write(&args.out, cargo).map_err(failed)?;
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn write(out: &Path, cargo: clap::Command) -> io::Result<()> {
    let mut cargo = without_help(cargo);
    // Names the subcommands with their parents: `cargo-kt-run`.
    cargo.build();
    fs::create_dir_all(out)?;
    let mut commands = cargo.get_subcommands();
    commands.try_for_each(|kt| clap_mangen::generate_to(kt.clone(), out))
}

/// Without the subcommands `help`, which would get pages of their own.
fn without_help(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
