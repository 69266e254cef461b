use std::fs::File;

use camino::Utf8PathBuf;
use cargo_kt::ship::{
    self, Files, Order, Progress, References, ShipError, Shipment, Shipped, Transport,
};
use kt::wire::{
    Generation,
    client::{Client, RequestError},
    control::{SwapRefused, Swapped},
};

use crate::{
    build::{Build, id},
    fixture::User,
    worker,
};

/// Puts a build's files on the disk.
fn files(user: &User, build: &Build) -> Files {
    let put = |bytes: &Vec<u8>| {
        let path = user.root().join(id(bytes).to_string());
        std::fs::write(&path, bytes).unwrap();
        (id(bytes), Utf8PathBuf::from_path_buf(path).unwrap())
    };
    build.files.iter().map(put).collect()
}

/// Sends as it is sent on one machine.
async fn ship_here(
    client: &Client,
    build: &Build,
    files: &Files,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Shipped, ShipError> {
    let references = References::new();
    ship::ship(client, &here(build, files, &references), progress).await
}

async fn swap_here(
    client: &Client,
    build: &Build,
    files: &Files,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(Shipped, Swapped), ShipError> {
    let references = References::new();
    let shipment = here(build, files, &references);
    ship::swap(client, &shipment, Order::default(), progress, &mut || {}).await
}

fn here<'a>(build: &'a Build, files: &'a Files, references: &'a References) -> Shipment<'a> {
    Shipment {
        manifest: &build.manifest,
        files,
        references,
        transport: Transport::SameHost,
    }
}

fn large(code: &str) -> Build {
    let mut build = Build::new("app", code);
    let bytes = vec![7; 5 << 20];
    let object = &mut build.manifest.worker.base.object;
    (object.id, object.size) = (id(&bytes), bytes.len() as u64);
    build.files.push(bytes);
    build
}

#[tokio::test]
async fn only_what_is_missing_is_sent_and_the_generation_serves() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let build = large("one");
    let mut seen: Vec<Progress> = Vec::new();
    let (shipped, swapped) = swap_here(
        &connected.client,
        &build,
        &files(&user, &build),
        &mut |progress| seen.push(progress),
    )
    .await
    .unwrap();
    assert_eq!((shipped.objects, shipped.present), (4, 0));
    assert!(shipped.bytes > 5 << 20);
    assert_eq!(swapped.generation, Generation(1));
    assert!(seen.is_sorted_by_key(|progress| (progress.done, progress.sent)));
    let last = seen.last().unwrap();
    assert_eq!((last.done, last.total), (shipped.bytes, shipped.bytes));
    // On one machine nothing is encoded.
    assert_eq!((last.sent, shipped.sent), (shipped.bytes, shipped.bytes));

    let edit = large("two");
    let (shipped, swapped) = swap_here(&connected.client, &edit, &files(&user, &edit), &mut |_| {})
        .await
        .unwrap();
    assert_eq!((shipped.objects, shipped.present, shipped.bytes), (1, 3, 3));
    assert_eq!(swapped.generation, Generation(2));
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_hashed_is_not_taken() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let build = Build::new("app", "one");
    let files = files(&user, &build);
    std::fs::write(&files[&id(b"one")], "changed").unwrap();
    let refused = ship_here(&connected.client, &build, &files, &mut |_| {}).await;
    match refused.unwrap_err() {
        ShipError::Upload {
            path,
            source: RequestError::Refused(_, words),
        } => {
            assert_eq!(path, files[&id(b"one")]);
            assert!(words.contains("changed while it was sent"), "{words}");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_refusal_stops_the_sending_and_its_words_arrive() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let build = Build::new("app", "one");
    let files = files(&user, &build);
    // Larger than any object may be, without taking room.
    let huge = File::create(&files[&id(b"one")]).unwrap();
    huge.set_len(kt::wire::limits::OBJECT + 1).unwrap();
    let mut sent = 0;
    let refused = ship_here(&connected.client, &build, &files, &mut |progress| {
        sent = progress.sent;
    })
    .await;
    match refused.unwrap_err() {
        ShipError::Upload {
            source: RequestError::Refused(status, words),
            ..
        } => {
            assert_eq!(status, 413);
            assert!(words.contains("more than"), "{words}");
        }
        other => panic!("{other}"),
    }
    assert!(sent < 1 << 30, "{sent}");
}

#[tokio::test]
async fn what_the_service_refuses_and_files_that_are_gone_are_told_apart() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let build = Build::new(worker::REFUSE, "one");
    let mut files = files(&user, &build);
    let swap = swap_here(&connected.client, &build, &files, &mut |_| {}).await;
    assert!(matches!(
        swap.unwrap_err(),
        ShipError::Refused(SwapRefused::Load(_))
    ));

    let build = Build::new("app", "two");
    let swap = swap_here(&connected.client, &build, &files, &mut |_| {}).await;
    assert!(matches!(swap.unwrap_err(), ShipError::NoFile { .. }));
    files.insert(id(b"two"), "/not/there".into());
    let swap = swap_here(&connected.client, &build, &files, &mut |_| {}).await;
    assert!(matches!(swap.unwrap_err(), ShipError::Read { .. }));
}
