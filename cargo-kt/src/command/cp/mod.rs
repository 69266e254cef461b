//! `cargo kt cp`: files and folders between this machine and a service.

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
    path::{Asked, Direction},
};
use super::{
    CommandError, CopyError, Speech, places::PlaceArgs, profile::ProfileArgs, service::choose,
    start,
};
use crate::{place::Connected, terminal::Terminal};

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo kt cp [OPTIONS] <SOURCE>... <TARGET>")]
pub(super) struct CpArgs {
    /// The sources, and the target last. `:PATH` is one of this workspace's service, `SERVICE:PATH` names another
    #[arg(required = true, num_args = 2.., value_name = "PATH")]
    paths: Vec<OsString>,
    /// Copy what sources lead to that are symlinks themselves
    #[arg(short = 'H', long = "follow")]
    follow: bool,
    /// For those who are used to it: folders are copied anyway
    #[arg(short = 'r', short_alias = 'R', long, hide = true)]
    recursive: bool,
    /// For those who are used to it: permissions and times are kept anyway
    #[arg(short = 'p', long, hide = true)]
    preserve: bool,
    // Not those of other commands, whose `-r` is another here.
    /// The service of this directory's program as `cargo kt run --release` has it
    #[arg(long, conflicts_with = "profile")]
    release: bool,
    /// The service of this directory's program as `cargo kt run --profile` has it
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
    let Asked { service, direction } = Asked::read(&args.paths)?;
    let places = args.places.places()?;
    let profile = ProfileArgs::of(args.release, args.profile.as_deref());
    let name = choose(service.as_deref(), &profile, &places).await?;
    let connected = places.connect(&name).await?;
    let begun = Instant::now();
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
            watch.finish(&summary, &target, begun.elapsed())?;
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
                Stopped::Gone => CopyError::Broken { service: name },
                Stopped::Protocol => CopyError::Protocol { service: name },
            };
            watch.give_up();
            Err(error.into())
        }
    }
}

/// Brings files of a service into a folder of this machine, without a word. What is there and the same is not sent again. Whether
/// all have arrived.
///
/// # Errors
/// If the service cannot be asked, or the connection breaks.
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

/// Follows a copy of which nobody is told.
#[derive(Default)]
struct Quiet {
    has_problem: bool,
}

impl Watch for Quiet {
    fn problem(&mut self, _: Side, _: Problem) {
        self.has_problem = true;
    }
}

/// Works on one side of a copy, whose other side the service is. The error within is one of a copy that had begun.
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
        carried = connected.unless_silent(connection.carry(frames, sender, || {})) => {
            carried.map_err(CommandError::from)
        }
        _ = interrupted.recv() => Err(CopyError::Interrupted.into()),
        _ = terminated.recv() => Err(CopyError::Interrupted.into()),
    };
    // Without its connection it ends, and leaves only what another copy can go on with.
    let worked = working.await.map_err(|error| CommandError::Io {
        what: "copy".into(),
        source: io::Error::other(error),
    })?;
    let (copied, watch) = worked;
    Ok((carried.map(|()| copied), watch))
}
