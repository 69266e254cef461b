use std::process::ExitCode;
#[derive(Debug, clap::Args)]
pub(super) struct LsArgs {}
pub(super) fn ls(_: LsArgs) -> ExitCode { ExitCode::SUCCESS }
