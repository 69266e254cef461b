//! Drives each target for a few seconds. `KT_FUZZ_SECONDS` sets the duration, `KT_FUZZ_CASES` a
//! number of cases instead, and `KT_FUZZ_SEED` the start value.

use std::{
    env,
    time::{Duration, Instant},
};

use super::{
    generate::{Random, case},
    *,
};
use crate::wire::{
    Generation, ObjectId, WorkerId,
    data::Stream,
    manifest::{CrateObject, Environment, Layer, Object, WorkerFiles},
    worker::Hold,
};

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// Runs a target on mutations of `seeds`. A failure prints the bytes.
fn run(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    let seconds = Duration::from_secs(setting("KT_FUZZ_SECONDS").unwrap_or(3));
    let cases: Option<u64> = setting("KT_FUZZ_CASES");
    let mut random = Random::new(setting("KT_FUZZ_SEED").unwrap_or(0x006b_7400));
    let begun = Instant::now();
    for seed in seeds {
        target(seed);
    }
    let mut done = 0;
    while cases.map_or(begun.elapsed() < seconds, |cases| done < cases) {
        let bytes = case(&mut random, seeds);
        let failed = std::panic::catch_unwind(|| target(&bytes)).is_err();
        assert!(!failed, "case {done}: {bytes:?}");
        done += 1;
    }
    println!("{done} cases in {:?}", begun.elapsed());
}

fn message_of<T: Serialize>(kind: u8, message: &T) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(codec::encode(message, usize::MAX).unwrap());
    bytes
}

fn value_of<T: Serialize>(kind: u8, value: &T) -> Vec<u8> {
    let mut bytes = vec![kind];
    if kind.is_multiple_of(2) {
        bytes.extend(codec::encode(value, usize::MAX).unwrap());
    } else {
        let put = |to: &mut Encoder| to.put(value);
        let types = codec::Types::new(crate::Part::Result, None);
        bytes.extend(
            types
                .encode(1 << 20, ThreadKind::Blocking, put)
                .unwrap()
                .bytes,
        );
    }
    bytes
}

fn output() -> Output {
    Output {
        worker: WorkerId {
            pid: 300,
            instance: 70_000,
        },
        stream: Stream::Stderr,
        position: 1 << 40,
        logged: 1 << 20,
        bytes: b"some text".to_vec(),
        breakpoint: None,
    }
}

#[test]
fn any_preamble_is_read_or_refused() {
    let hello = [
        b"KT",
        &crate::wire::PROTOCOL.to_le_bytes()[..],
        b"d",
        &5_u16.to_le_bytes(),
        b"token",
    ]
    .concat();
    let verdict = [&[3][..], &5_u16.to_le_bytes(), b"texts"].concat();
    run(preamble, &[hello, verdict]);
}

#[test]
fn any_frames_are_read_or_refused() {
    let mut seed = vec![7];
    for _ in 0..3 {
        seed.extend(frame::encode(&output(), 1 << 20).unwrap());
    }
    let mut other = vec![255];
    other.extend(frame::encode(&ToWorker::Status, 1 << 20).unwrap());
    other.extend(frame::encode(&ToWorker::Drain { grace_ms: 300 }, 1 << 20).unwrap());
    run(frames, &[seed, other]);
}

#[test]
fn any_messages_are_read_or_refused() {
    let object = || Object {
        id: ObjectId([7; 32]),
        name: "libapp.so".into(),
        size: 1 << 33,
        build_id: "0123".into(),
    };
    let layer = || Layer {
        object: object(),
        crates: Vec::new(),
    };
    let manifest = Manifest {
        program: "app".into(),
        kt_version: "1".into(),
        rustc: "rustc".into(),
        target: "x86_64".into(),
        profile: "dev".into(),
        worker: WorkerFiles {
            libraries: Vec::new(),
            launcher: object(),
            libstd: object(),
            base: layer(),
        },
        environment: Environment {
            asked: [("NAME".into(), "value".into())].into(),
            cargo: Default::default(),
        },
        layers: vec![layer()],
        crates: vec![CrateObject {
            object: object(),
            package: "app".into(),
            crate_name: "app".into(),
            sources: "s".into(),
            functions: vec!["app/:app::f".into()],
            inits: Vec::new(),
            states: Vec::new(),
            statics: Vec::new(),
        }],
    };
    let fault = Fault::UnknownFunction {
        nearest: Some("app::f".into()),
    };
    let seeds = [
        message_of(0, &manifest),
        message_of(14, &vec![object()]),
        message_of(15, &fault),
        message_of(16, &output()),
        message_of(9, &Some((Generation(1), 300_u64, "x"))),
        message_of(6, &ToWorker::Drain { grace_ms: 1 << 50 }),
        message_of(4, &Hold { timeout_ms: 5000 }),
        message_of(20, &crate::Error::Misused { reason: "r".into() }),
    ];
    run(message, &seeds);
}

#[test]
fn any_bodies_are_read_or_refused() {
    let tree = Tree::Node(vec![
        Tree::Next {
            value: Some(Box::new(Tree::Leaf("leaf".into()))),
        },
        Tree::Nil,
    ]);
    let loose = vec![Loose {
        first: None,
        more: [("k".to_owned(), Untagged::Many(vec![Untagged::Number(-1)]))].into(),
    }];
    let map = BTreeMap::from([("key", Some('ß')), ("other", None)]);
    let numbers = (
        i128::MIN,
        u128::MAX,
        0.5_f32,
        -1e300_f64,
        true,
        [1_u16, 300, 0],
    );
    let error: Result<u8, _> = Err(crate::Error::Misused { reason: "r".into() });
    let mut seeds = Vec::new();
    for codec in [0, 1] {
        seeds.extend([
            value_of(codec, &tree),
            value_of(2 + codec, &vec![vec![(); 3], vec![]]),
            value_of(4 + codec, &map),
            value_of(6 + codec, &numbers),
            value_of(10 + codec, &error),
        ]);
    }
    seeds.extend([value_of(9, &loose), value_of(u8::MAX, &loose)]);
    run(value, &seeds);
}

#[test]
fn any_files_of_states_are_read_or_refused() {
    run(saved, &worker::fuzz_seeds());
}

#[test]
fn any_objects_are_stored_or_refused() {
    run(object, &host::fuzz_seeds());
}

#[test]
fn any_tables_are_normalized_and_back() {
    let executable = std::fs::read(env::current_exe().unwrap()).unwrap();
    run(tables, &[executable[..4096].to_vec()]);
}
