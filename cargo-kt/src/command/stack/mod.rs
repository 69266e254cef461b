//! `cargo kt stack`: prints the stacks of a worker's threads and calls.

mod json;
mod view;

use std::{path::PathBuf, process::ExitCode};

use kt::wire::{
    calls::Waits,
    frames::Frames,
    limits,
    sample::{CallStack, CallWhere, STACKS, SampleRefused, Stacks, ThreadStack},
};

use super::{CommandError, OutputArgs, print::print, service::ServiceArgs, start};
use crate::{
    place::Connected,
    session::last_build::kt_dir,
    stacks::{Named, Names, SampleError},
};

#[derive(Debug, clap::Args)]
pub(super) struct StackArgs {
    /// Show all frames and threads, including those of the runtime and of libraries
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    // Last: clap puts later options under its heading.
    #[command(flatten)]
    service: ServiceArgs,
}

/// The stacks of a worker at one moment.
struct Snapshot {
    service: String,
    stacks: Stacks,
    threads: Vec<Thread>,
    /// `None` if the worker did not respond.
    calls: Option<Vec<Call>>,
    /// The reason why frames have no names.
    note: Option<String>,
}

struct Thread {
    id: u32,
    name: String,
    state: char,
    stack: Named,
}

struct Call {
    stack: CallStack,
    /// For each future that it waits for, the stack of awaits.
    awaits: Vec<Named>,
}

pub(super) fn stack(args: StackArgs) -> ExitCode {
    let terminal = args.output.terminal();
    start(&terminal, async {
        let places = args.service.places()?;
        let name = args.service.choose(&places).await?;
        let connected = places.connect(&name).await?;
        let snapshot = ask(&connected).await?;
        match args.output.is_json() {
            true => print(&json::lines(&snapshot))?,
            false => print(&view::page(&snapshot, args.all))?,
        }
        if let Some(note) = &snapshot.note {
            terminal.note(note);
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn ask(connected: &Connected) -> Result<Snapshot, CommandError> {
    let body = connected.stream(STACKS, &()).await?;
    let mut frames = Frames::new(body, limits::CONTROL);
    let head: Result<Stacks, SampleRefused> = connected.must_next(&mut frames).await?;
    let stacks = head.map_err(|refusal| SampleError::Refused {
        service: connected.service.clone(),
        refusal: Box::new(refusal),
    })?;
    let mut threads: Vec<ThreadStack> = Vec::new();
    while let Some(thread) = connected.next(&mut frames).await? {
        threads.push(thread);
    }
    let mut names = names(connected);
    let service = connected.service.clone();
    let naming = move || {
        let threads = threads.into_iter().map(|thread| Thread {
            stack: names.stack(&thread.stack, &stacks.objects),
            id: thread.id,
            name: thread.name,
            state: thread.state,
        });
        let threads = threads.collect();
        let calls = stacks.calls.as_ref().map(|calls| {
            let call = |stack: &CallStack| Call {
                awaits: awaits(stack)
                    .iter()
                    .map(|frames| names.awaits(frames))
                    .collect(),
                stack: stack.clone(),
            };
            calls.iter().map(call).collect()
        });
        Snapshot {
            note: names.note(),
            service,
            threads,
            calls,
            stacks,
        }
    };
    // Links the objects with their line tables, which blocks.
    let named = tokio::task::spawn_blocking(naming).await;
    named.map_err(|error| CommandError::Io {
        what: "resolve the names of frames".into(),
        source: error.into(),
    })
}

/// Resolves names of a service's functions from local files.
pub(super) fn names(connected: &Connected) -> Names {
    let manifest = connected.status.current.as_ref().map(|(_, it)| it);
    let base = manifest.map(|it| it.worker.base.object.name.clone());
    Names::new(
        kt_dir(connected),
        PathBuf::from(&connected.status.workspace),
        base.unwrap_or_default(),
    )
}

fn awaits(call: &CallStack) -> &[Vec<kt::wire::data::RawFrame>] {
    match &call.place {
        CallWhere::Waits(Waits::At(stacks)) => stacks,
        _ => &[],
    }
}

/// The call that a thread runs.
fn call_on(snapshot: &Snapshot, thread: u32) -> Option<&Call> {
    let mut calls = snapshot.calls.iter().flatten();
    calls.find(|call| call.stack.place == CallWhere::Thread(thread))
}
