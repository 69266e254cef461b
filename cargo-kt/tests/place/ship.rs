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

/// Writes a build's files to disk.
fn files(user: &User, build: &Build) -> Files {
    let put = |bytes: &Vec<u8>| {
        let path = user.root().join(id(bytes).to_string());
        std::fs::write(&path, bytes).unwrap();
        (id(bytes), Utf8PathBuf::from_path_buf(path).unwrap())
    };
    build.files.iter().map(put).collect()
}

/// Ships over a link of the same machine.
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
async fn only_missing_objects_are_sent_and_the_generation_serves() {
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
    // Nothing is encoded on the same machine.
    assert_eq!((last.sent, shipped.sent), (shipped.bytes, shipped.bytes));

    let edit = large("two");
    let (shipped, swapped) = swap_here(&connected.client, &edit, &files(&user, &edit), &mut |_| {})
        .await
        .unwrap();
    assert_eq!((shipped.objects, shipped.present, shipped.bytes), (1, 3, 3));
    assert_eq!(swapped.generation, Generation(2));
}

#[tokio::test]
async fn a_file_that_changed_after_hashing_is_rejected() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let build = Build::new("app", "one");
    let files = files(&user, &build);
    std::fs::write(&files[&id(b"one")], "changed").unwrap();
    let refused = ship_here(&connected.client, &build, &files, &mut |_| {}).await;
    match refused.unwrap_err() {
        ShipError::Upload {
            path,
            source: RequestError::Refused(_, message),
        } => {
            assert_eq!(path, files[&id(b"one")]);
            assert!(message.contains("changed while it was sent"), "{message}");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_refusal_stops_the_upload_and_its_message_arrives() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let build = Build::new("app", "one");
    let files = files(&user, &build);
    // Sparse: larger than the limit, without using disk space.
    let huge = File::create(&files[&id(b"one")]).unwrap();
    huge.set_len(kt::wire::limits::OBJECT + 1).unwrap();
    let mut sent = 0;
    let refused = ship_here(&connected.client, &build, &files, &mut |progress| {
        sent = progress.sent;
    })
    .await;
    match refused.unwrap_err() {
        ShipError::Upload {
            source: RequestError::Refused(status, message),
            ..
        } => {
            assert_eq!(status, 413);
            assert!(message.contains("larger than"), "{message}");
        }
        other => panic!("{other}"),
    }
    assert!(sent < 1 << 30, "{sent}");
}

#[tokio::test]
async fn refused_swaps_and_missing_files_are_different_errors() {
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
