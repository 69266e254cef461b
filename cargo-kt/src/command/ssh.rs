//! `cargo kt ssh`: opens a shell next to the worker, or serves SSH.

use std::{ffi::OsString, process::ExitCode};

use kt::wire::command::{Program, Shell};

use super::{
    OutputArgs,
    exec::{ExecOptions, Request},
    service::ServiceArgs,
    ssh_server::{self, Serve},
    start,
};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "cargo kt ssh [OPTIONS] [NAME] [-- <COMMAND>...]\n       cargo kt ssh [NAME] [--server [PORT] | --config]"
)]
pub(super) struct SshArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Program and arguments to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Keep the service running while the shell waits at its prompt
    #[arg(long)]
    keep_alive: bool,
    /// Serve SSH on a local port, for ssh, scp, sftp, rsync and editors [default: a free port]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0", group = "serving", conflicts_with_all = ["ExecOptions", "command"])]
    server: Option<u16>,
    /// Serve SSH on standard input and output, as the ProxyCommand of a client
    #[arg(long, group = "serving", conflicts_with_all = ["ExecOptions", "command"])]
    stdio: bool,
    /// Print a block for ~/.ssh/config, so that ssh and editors connect without `--server`
    #[arg(long, group = "serving", conflicts_with_all = ["ExecOptions", "command"])]
    config: bool,
    #[command(flatten)]
    options: ExecOptions,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn ssh(args: SshArgs) -> ExitCode {
    let terminal = args.output.terminal();
    let serve = match (args.server, args.stdio, args.config) {
        (Some(port), _, _) => Some(Serve::Port(port)),
        (None, true, _) => Some(Serve::Stdio),
        (None, false, true) => Some(Serve::Config),
        (None, false, false) => None,
    };
    if let Some(serve) = serve {
        return ssh_server::ssh_server(&args.service, serve, args.keep_alive, &terminal);
    }
    let program = match args.command.is_empty() {
        true => Program::Shell(Shell::Installed),
        false => Program::Arguments(args.command),
    };
    let request = Request {
        service: &args.service,
        options: &args.options,
        keep_alive: args.keep_alive,
        terminal: &terminal,
    };
    start(&terminal, request.run(program))
}
