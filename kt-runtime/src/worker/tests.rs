//! A driver and a worker in one process, over a real socket: everything in a call except loading
//! objects.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::UnixListener,
    sync::{Barrier, Notify},
};

use super::{
    Activity, Worker,
    breakpoint::Breakpoints,
    calls::Calls,
    generation::{Generations, Loaded},
    inits::Inits,
    nested::FormerTypes,
    output::Output,
    user_code::UserCode,
};
use crate::{
    Error,
    codec::{self, Codec, CodecError, Decoder, Encoder},
    driver::Driver,
    function::{Function, Remote, Started},
    shape::Shape,
    wire::{
        Generation, PROTOCOL, WorkerId,
        driver::{DriverConfig, Endpoint},
        preamble::{self, Purpose},
        worker::WorkerConfig,
    },
};

/// Expands like `#[kt::remote]`, for a function with one argument.
macro_rules! remote {
    ($function:ident, $name:ident, $argument:ty => $output:ty, $start:expr) => {
        struct $name;
        impl Remote for $name {
            type Args = $argument;
            type Output = $output;
            fn encode_args(args: &$argument, to: &mut Encoder) -> Result<(), CodecError> {
                to.put(args)
            }
            fn decode_args(from: &mut Decoder<'_>) -> Result<$argument, CodecError> {
                from.take()
            }
            fn encode_output(output: &$output, to: &mut Encoder) -> Result<(), CodecError> {
                to.put(output)
            }
            fn decode_output(from: &mut Decoder<'_>) -> Result<$output, CodecError> {
                from.take()
            }
            fn shape(shape: &mut Shape) {
                shape.argument::<$argument>();
                shape.output::<$output>();
            }
            fn start(args: $argument) -> Started<$output> {
                let start: fn($argument) -> Started<$output> = $start;
                start(args)
            }
        }
        static $function: Function = Function::new::<$name>(
            concat!("test/:test::", stringify!($function)),
            "fn",
            file!(),
            line!(),
        );
    };
}

static DROPPED: Notify = Notify::const_new();
static STARTED: Notify = Notify::const_new();
static ENTERED: std::sync::Barrier = std::sync::Barrier::new(2);
static LEAVES: std::sync::Barrier = std::sync::Barrier::new(2);

struct NotifyOnDrop;

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        DROPPED.notify_one();
    }
}

remote!(ECHO, Echo, String => String, |text| Started::Async(Box::pin(async { text })));
remote!(PLAIN, Plain, u32 => u32, |n| Started::Plain(Box::new(move || n + 1)));
remote!(PANIC, Panics, u32 => u32, |n| Started::Plain(Box::new(move || panic!("number {n}"))));
remote!(FOREVER, Forever, () => (), |()| Started::Async(Box::pin(async {
    let _notify = NotifyOnDrop;
    STARTED.notify_one();
    std::future::pending().await
})));
remote!(STAYS, Stays, () => (), |()| Started::Plain(Box::new(|| {
    ENTERED.wait();
    LEAVES.wait();
})));
// The same key as PLAIN's, as if an edit had changed its type.
static CHANGED: Function =
    Function::new::<Echo>("test/:test::PLAIN", "fn(String)", file!(), line!());
static RENAMED: Function = Function::new::<Plain>("test/:test::PLAIM", "fn", file!(), line!());

/// A worker that serves on a socket, and a driver that was built with generation 1.
struct Pair {
    worker: Arc<Worker>,
    driver: &'static Driver,
    _folder: Folder,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const LIMIT: usize = 32 << 20;

fn pair(functions: &[&'static Function]) -> Pair {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder =
        Folder(std::env::temp_dir().join(format!("kt-test-{}-{number}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let (stdout, _writer) = std::io::pipe().unwrap();
    let (stderr, _writer) = std::io::pipe().unwrap();
    let id = WorkerId {
        pid: std::process::id(),
        instance: 1,
    };
    let current = tokio::runtime::Handle::current();
    let calls = Calls::new(1);
    let worker = Arc::new(Worker {
        id,
        config: WorkerConfig {
            service: "test".into(),
            instance: 1,
            objects: folder.0.clone(),
            logs: folder.0.clone(),
            body_limit: LIMIT,
            breakpoint_timeout_ms: 1000,
        },
        current: RwLock::new(Some(Arc::new(Loaded::new(Generation(1), functions)))),
        gate: Arc::default(),
        generations: Generations::default(),
        registry: Mutex::default(),
        progress: Arc::default(),
        inits: Inits::default(),
        former_types: FormerTypes::default(),
        output: Output::start(&folder.0, stdout.into(), stderr.into(), Arc::clone(&calls)).unwrap(),
        calls,
        user: UserCode::new(&current, &current, 2).unwrap(),
        activity: Activity::new(),
        breakpoints: Breakpoints::default(),
        draining: AtomicBool::new(false),
        connections: super::serve::Connections::default(),
        leaving: tokio::sync::watch::Sender::new(false),
        hinted: AtomicBool::new(false),
    });
    let endpoint = folder.0.join("s");
    let listener = UnixListener::bind(&endpoint).unwrap();
    let serving = worker.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let hello = preamble::receive(&mut stream).await.unwrap();
            assert_eq!(hello.purpose, Purpose::Data);
            serving.clone().serve(stream);
        }
    });
    let driver = Driver::new(DriverConfig {
        protocol: PROTOCOL,
        parent: 0,
        service: "test".into(),
        endpoint: Endpoint::Unix(endpoint),
        token: Vec::new(),
        generation: Generation(1),
        worker: id,
        agent: None,
        shell: Vec::new(),
        objects: Vec::new(),
        body_limit: LIMIT,
        run: crate::Run::new(String::new(), String::new(), std::time::UNIX_EPOCH),
    });
    Pair {
        worker,
        driver: Box::leak(Box::new(driver)),
        _folder: folder,
    }
}

impl Pair {
    async fn call<A: serde::Serialize, T: serde::de::DeserializeOwned>(
        &self,
        function: &'static Function,
        args: A,
    ) -> Result<T, Error> {
        let args = codec::encode(&args, LIMIT).unwrap();
        let called = self.driver.call(function, args.into(), Codec::Compact);
        let (result, codec) = called.await?;
        assert_eq!(codec, Codec::Compact);
        Ok(codec::decode(&result).unwrap())
    }

    fn publish(&self, generation: u64, functions: &[&'static Function]) {
        *self.worker.current.write().unwrap() =
            Some(Arc::new(Loaded::new(Generation(generation), functions)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_returns_its_result() {
    let pair = pair(&[&ECHO, &PLAIN]);
    assert_eq!(pair.call::<_, u32>(&PLAIN, 41_u32).await.unwrap(), 42);
    let large = "7".repeat(20 << 20);
    assert_eq!(pair.call::<_, String>(&ECHO, &large).await.unwrap(), large);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_one_connection() {
    let pair = Arc::new(pair(&[&ECHO]));
    let all = Arc::new(Barrier::new(200));
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (pair, all) = (pair.clone(), all.clone());
        calls.spawn(async move {
            all.wait().await;
            let sent = "x".repeat(1 + n * 1000);
            assert_eq!(pair.call::<_, String>(&ECHO, &sent).await.unwrap(), sent);
        });
    }
    calls.join_all().await;
    assert_eq!(pair.driver.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_does_not_delay_a_small_one() {
    let pair = Arc::new(pair(&[&ECHO, &PLAIN]));
    pair.call::<_, u32>(&PLAIN, 0_u32).await.unwrap();
    let large = {
        let pair = pair.clone();
        tokio::spawn(async move {
            pair.call::<_, String>(&ECHO, "x".repeat(30 << 20))
                .await
                .unwrap()
                .len()
        })
    };
    let mut small = Vec::new();
    while !large.is_finished() {
        let started = Instant::now();
        pair.call::<_, u32>(&PLAIN, 1_u32).await.unwrap();
        small.push(started.elapsed());
    }
    assert_eq!(large.await.unwrap(), 30 << 20);
    assert!(
        small.len() > 3,
        "too few small calls completed meanwhile: {small:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_returned_and_the_next_call_works() {
    let pair = pair(&[&PANIC, &PLAIN]);
    let Err(Error::Panicked(panic)) = pair.call::<_, u32>(&PANIC, 7_u32).await else {
        panic!("no panic was returned")
    };
    assert_eq!(panic.message, "number 7");
    assert_eq!(pair.call::<_, u32>(&PLAIN, 1_u32).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_call_drops_the_remote_future() {
    let pair = pair(&[&FOREVER]);
    tokio::select! {
        _ = pair.call::<_, ()>(&FOREVER, ()) => unreachable!("it never ends"),
        () = STARTED.notified() => {}
    }
    tokio::time::timeout(Duration::from_secs(10), DROPPED.notified())
        .await
        .expect("the remote future is dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_synchronous_call_blocks_migrations_until_it_returns() {
    let pair = pair(&[&STAYS]);
    let wait = |barrier: &'static std::sync::Barrier| {
        tokio::task::spawn_blocking(|| {
            barrier.wait();
        })
    };
    tokio::select! {
        _ = pair.call::<_, ()>(&STAYS, ()) => unreachable!("it stays"),
        entered = wait(&ENTERED) => entered.unwrap(),
    }
    let calls = &pair.worker.activity.calls;
    while calls.load(Ordering::Acquire) > 0 {
        tokio::task::yield_now().await;
    }
    let gate = pair.worker.gate.clone();
    assert!(gate.close(Duration::ZERO).is_err(), "it still runs");
    wait(&LEAVES).await.unwrap();
    let closed = tokio::task::spawn_blocking(move || gate.close(Duration::from_secs(60)).is_ok());
    assert!(closed.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_generation_answers_if_the_types_are_the_same() {
    let pair = pair(&[&PLAIN]);
    pair.publish(2, &[&PLAIN]);
    assert_eq!(pair.call::<_, u32>(&PLAIN, 1_u32).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_with_changed_types_refuses_an_old_driver() {
    let pair = pair(&[&PLAIN]);
    pair.publish(2, &[&CHANGED]);
    let Err(Error::ShapeMismatch { there, .. }) = pair.call::<_, u32>(&PLAIN, 1_u32).await else {
        panic!("it was let through")
    };
    assert_eq!(there, "fn(String)");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_generation_never_answers() {
    let pair = pair(&[&PLAIN]);
    pair.publish(0, &[&PLAIN]);
    assert!(matches!(
        pair.call::<_, u32>(&PLAIN, 1_u32).await,
        Err(Error::OldGeneration { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_function_names_the_nearest() {
    let pair = pair(&[&RENAMED, &ECHO]);
    let Err(Error::UnknownFunction { nearest, .. }) = pair.call::<_, u32>(&PLAIN, 1_u32).await
    else {
        panic!("it was found")
    };
    assert_eq!(nearest.as_deref(), Some("test::PLAIM"));
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_over_the_limit_are_refused_and_the_connection_stays_open() {
    let pair = pair(&[&ECHO, &PLAIN]);
    let args = vec![0_u8; LIMIT + (1 << 20)];
    let error = pair
        .driver
        .call(&ECHO, args.into(), Codec::Compact)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert_eq!(pair.call::<_, u32>(&PLAIN, 1_u32).await.unwrap(), 2);
}
