//! A worker without code: it loads a generation by reading the files, and obeys commands from its
//! connections, one per line.

use std::{
    os::fd::{FromRawFd, OwnedFd},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kt::wire::{
    PROTOCOL, VERSION,
    calls::{CallPlaces, CallsInFlight},
    channel,
    control::{LoadedObject, SwapRefused},
    preamble::{self, Verdict},
    state::{Moved, StateAnswer, StateOutcome, StateRequest},
    worker::{FD, FromWorker, Loaded, StateOrder, ToWorker, WorkerConfig},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::Notify,
};

/// The saved state.
pub const SAVED: &str = "what a worker holds";

/// Programs that fail to load.
pub const REFUSE: &str = "refuse";
pub const ABORT: &str = "abort";

#[derive(Default)]
struct State {
    generation: AtomicU64,
    calls: AtomicU64,
    finished: Notify,
    stubborn: AtomicBool,
}

pub fn main() -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
    process::exit(0);
}

async fn run() {
    // SAFETY: the host passes this descriptor to its workers, and nothing else in this process owns
    // it.
    let host = unsafe { OwnedFd::from_raw_fd(FD) };
    let host = std::os::unix::net::UnixStream::from(host);
    host.set_nonblocking(true).unwrap();
    let host = UnixStream::from_std(host).unwrap();
    let (mut sender, mut receiver) = channel::split(&host);
    let (state, start) = (Arc::new(State::default()), Instant::now());
    let mut config = None;
    while let Some(message) = receiver.receive::<ToWorker>().await.unwrap() {
        let answer = match message {
            ToWorker::IgnoreBreakpoints(_) => continue,
            ToWorker::Start(given) => {
                config = Some(given);
                FromWorker::Started {
                    protocol: std::env::var("FAKE_PROTOCOL")
                        .map_or(PROTOCOL, |text| text.parse().unwrap()),
                    kt_version: VERSION.to_owned(),
                }
            }
            ToWorker::Load {
                generation,
                manifest,
                ..
            } => {
                let loaded = load(&manifest, config.as_ref().unwrap());
                if loaded.is_ok() {
                    state.generation.store(generation.0, Ordering::SeqCst);
                }
                FromWorker::Loaded(loaded.map_err(SwapRefused::Load))
            }
            ToWorker::Status => FromWorker::Status {
                calls: state.calls.load(Ordering::SeqCst),
                idle_ms: start.elapsed().as_millis() as u64,
                migrating: None,
                initializing: None,
            },
            ToWorker::Calls => FromWorker::Calls(CallsInFlight::default()),
            ToWorker::Places { question, .. } => FromWorker::Places {
                question,
                places: CallPlaces::default(),
            },
            ToWorker::Connection => {
                let stream = std::os::unix::net::UnixStream::from(receiver.descriptor().unwrap());
                let stream = UnixStream::from_std(stream).unwrap();
                let taken = FromWorker::Connected(Ok(()));
                sender.send(&taken, None).await.unwrap();
                tokio::spawn(converse(stream, Arc::clone(&state)));
                continue;
            }
            // This worker has no states.
            ToWorker::State(StateOrder::Asked(StateRequest::List)) => {
                FromWorker::State(Ok(StateAnswer::List(Vec::new())))
            }
            ToWorker::State(StateOrder::Save { file, .. }) => {
                std::fs::write(file, SAVED).unwrap();
                FromWorker::State(Ok(StateAnswer::Moved(Moved::default())))
            }
            ToWorker::State(StateOrder::Load { file }) => {
                let saved = std::fs::read(file).unwrap();
                FromWorker::State(Ok(StateAnswer::Moved(Moved {
                    bytes: saved.len() as u64,
                    ..Moved::default()
                })))
            }
            ToWorker::State(_) => FromWorker::State(Ok(StateAnswer::Done(Vec::new()))),
            ToWorker::Drain { .. } => {
                tokio::spawn(drain(Arc::clone(&state)));
                continue;
            }
        };
        sender.send(&answer, None).await.unwrap();
    }
}

fn load(manifest: &kt::wire::manifest::Manifest, config: &WorkerConfig) -> Result<Loaded, String> {
    match manifest.program.as_str() {
        REFUSE => return Err("refused by the test".to_owned()),
        ABORT => process::abort(),
        _ => {}
    }
    for object in manifest.objects() {
        let length = std::fs::metadata(config.objects.join(&object.name))
            .map_err(|error| format!("{}: {error}", object.name))?
            .len();
        assert_eq!(length, object.size, "{}", object.name);
    }
    let objects = manifest.crates.iter().map(|object| LoadedObject {
        name: object.object.name.clone(),
        build_id: object.object.build_id.clone(),
        again: false,
    });
    Ok(Loaded {
        objects: objects.collect(),
        states: Vec::<StateOutcome>::new(),
        inits: Vec::new(),
        load_us: 1,
        paused_us: 0,
    })
}

async fn drain(state: Arc<State>) {
    while state.stubborn.load(Ordering::SeqCst) || state.calls.load(Ordering::SeqCst) > 0 {
        state.finished.notified().await;
    }
    process::exit(0);
}

async fn converse(stream: UnixStream, state: Arc<State>) {
    let mut stream = stream;
    preamble::answer(&mut stream, &Verdict::Welcome)
        .await
        .unwrap();
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let reply = match command {
            "pid" => process::id().to_string(),
            "generation" => state.generation.load(Ordering::SeqCst).to_string(),
            "cwd" => std::env::current_dir().unwrap().display().to_string(),
            "env" => std::env::var(argument).unwrap_or_default(),
            "print" => {
                use std::io::Write;
                // Not captured by libtest, like output of a C library.
                let mut out = std::io::stdout();
                writeln!(out, "{argument}")
                    .and_then(|()| out.flush())
                    .unwrap();
                String::new()
            }
            "begin" => {
                state.calls.fetch_add(1, Ordering::SeqCst);
                String::new()
            }
            "finish" => {
                state.calls.fetch_sub(1, Ordering::SeqCst);
                state.finished.notify_waiters();
                String::new()
            }
            "stubborn" => {
                state.stubborn.store(true, Ordering::SeqCst);
                String::new()
            }
            "exit" => process::exit(argument.parse().unwrap()),
            "signal" => {
                let pid = process::id().to_string();
                let kill = process::Command::new("kill")
                    .args([&format!("-{argument}"), &pid])
                    .status();
                assert!(kill.unwrap().success());
                tokio::time::sleep(Duration::from_secs(10)).await;
                unreachable!("the signal terminates this process")
            }
            other => panic!("no such command: {other}"),
        };
        let stream = lines.get_mut().get_mut();
        if stream
            .write_all(format!("{reply}\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}
