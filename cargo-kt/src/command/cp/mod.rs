//! `cargo kt cp`: copies files and directories between the local machine and a service.

mod follow;
mod path;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Instant};

use kt::{
    files::{
        Copied, Side, Stopped, Watch,
        peer::{Announces, Peer, connect},
        receive, send,
    },
    wire::files::{self, CopyRequest, Problem},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io,
    signal::unix::{SignalKind, signal},
};

use self::{
    follow::Follow,
    path::{CopyPaths, Direction},
};
use super::{
    CommandError, CopyError, Speech, places::PlaceArgs, profile::ProfileArgs, service::choose,
    start,
};
use crate::{place::Connected, terminal::Terminal};

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo kt cp [OPTIONS] <SOURCE>... <TARGET>")]
pub(super) struct CpArgs {
    /// Source paths, then the target. `:PATH` is in this workspace's service, `SERVICE:PATH` in
    /// another
    #[arg(required = true, num_args = 2.., value_name = "PATH")]
    paths: Vec<OsString>,
    /// Follow symlinks given as sources
    #[arg(short = 'H', long = "follow")]
    follow: bool,
    /// Accepted for compatibility with scp: directories are always copied recursively
    #[arg(short = 'r', short_alias = 'R', long, hide = true)]
    recursive: bool,
    /// Accepted for compatibility with scp: permissions and times are always preserved
    #[arg(short = 'p', long, hide = true)]
    preserve: bool,
    // Not `ProfileArgs`: its `-r` means `--release`.
    /// Select the service that `cargo kt run --release` uses in this directory
    #[arg(long, conflicts_with = "profile")]
    release: bool,
    /// Select the service that `cargo kt run --profile` uses in this directory
    #[arg(long, value_name = "PROFILE-NAME")]
    profile: Option<String>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    speech: Speech,
}

pub(super) fn cp(args: CpArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, run(&args, &terminal))
}

async fn run(args: &CpArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let CopyPaths { service, direction } = CopyPaths::read(&args.paths)?;
    let places = args.places.places()?;
    let profile = ProfileArgs::of(args.release, args.profile.as_deref());
    let name = choose(service.as_deref(), &profile, &places).await?;
    let connected = places.connect(&name).await?;
    let started = Instant::now();
    let to_service = matches!(direction, Direction::ToService { .. });
    let watch = Follow::new(terminal, &name, to_service);
    let follow = args.follow;
    let (target, (copied, watch)) = match direction {
        Direction::ToService { sources, target } => {
            let shown = format!("{name}:{}", target.to_string_lossy());
            let copy = CopyRequest::ToService { target };
            let done = carry(&connected, &copy, watch, move |peer, watch| {
                send(&sources, follow, peer, watch)
            });
            (shown, done.await?)
        }
        Direction::FromService { sources, target } => {
            let shown = target.to_string_lossy().into_owned();
            let copy = CopyRequest::FromService { sources, follow };
            let done = carry(&connected, &copy, watch, move |peer, watch| {
                receive(&target, peer, watch)
            });
            (shown, done.await?)
        }
    };
    match copied {
        Ok(Ok(summary)) => {
            watch.finish(&summary, &target, started.elapsed())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            watch.give_up();
            Err(error)
        }
        Ok(Err(stopped)) => {
            let error = match stopped {
                Stopped::Refused(problem) => {
                    CopyError::problem(&problem, to_service.then_some(name.as_str()))
                }
                Stopped::Disconnected => CopyError::Broken { service: name },
                Stopped::Protocol => CopyError::Protocol { service: name },
            };
            watch.give_up();
            Err(error.into())
        }
    }
}

/// Copies files of a service into a local directory without reporting progress. Skips unchanged
/// files. Returns whether all were copied.
///
/// # Errors
/// If the request fails or the connection breaks.
pub(super) async fn fetch(
    connected: &Connected,
    sources: Vec<OsString>,
    folder: PathBuf,
) -> Result<bool, CommandError> {
    let copy = CopyRequest::FromService {
        sources,
        follow: true,
    };
    let done = carry(connected, &copy, Quiet::default(), move |peer, watch| {
        receive(&folder, peer, watch)
    });
    let (copied, watch) = done.await?;
    Ok(copied?.is_ok() && !watch.has_problem)
}

/// Records problems without reporting them.
#[derive(Default)]
struct Quiet {
    has_problem: bool,
}

impl Watch for Quiet {
    fn problem(&mut self, _: Side, _: Problem) {
        self.has_problem = true;
    }
}

/// Runs the local side of a copy; the service runs the other. The inner error is for a copy that
/// had already started.
async fn carry<I, O, W>(
    connected: &Connected,
    copy: &CopyRequest,
    mut watch: W,
    work: impl FnOnce(Peer<I, O>, &mut dyn Watch) -> Copied + Send + 'static,
) -> Result<(Result<Copied, CommandError>, W), CommandError>
where
    W: Watch + Send + 'static,
    I: DeserializeOwned + Announces + Send + 'static,
    O: Serialize + Send + 'static,
{
    let handled = |source: io::Error| CommandError::Io {
        what: "handle signals".into(),
        source,
    };
    let mut interrupted = signal(SignalKind::interrupt()).map_err(handled)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(handled)?;
    let (sender, frames) = connected.converse(files::COPY, copy).await?;
    let (peer, connection) = connect();
    let working = tokio::task::spawn_blocking(move || {
        let copied = work(peer, &mut watch);
        (copied, watch)
    });
    let carried = tokio::select! {
        carried = connected.fail_if_unresponsive(connection.carry(frames, sender, || {})) => {
            carried.map_err(CommandError::from)
        }
        _ = interrupted.recv() => Err(CopyError::Interrupted.into()),
        _ = terminated.recv() => Err(CopyError::Interrupted.into()),
    };
    // It stops without its connection, and leaves only data from which another copy can resume.
    let worked = working.await.map_err(|error| CommandError::Io {
        what: "copy".into(),
        source: io::Error::other(error),
    })?;
    let (copied, watch) = worked;
    Ok((carried.map(|()| copied), watch))
}
