//! Uploads over a network: compressed, as patches, and resumed after an interruption.

use std::{fs, io, sync::Arc};

use camino::Utf8PathBuf;
use cargo_kt::{
    place::Connected,
    ship::{
        self, Files, Order, Progress, Reference, References, ShipError, Shipment, Shipped,
        Transport,
    },
};
use kt::wire::{
    Generation, ObjectId,
    client::Client,
    control::path,
    limits,
    preamble::{self, Purpose, Verdict},
    upload::{Missing, Wanted},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::Semaphore,
};

use crate::{
    build::{Build, id},
    fixture::User,
};

/// Pseudorandom bytes per seed that compress somewhat, as code does.
pub fn object(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    let mut object = Vec::with_capacity(length);
    while object.len() < length {
        // xorshift (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        object.extend(state.to_le_bytes());
        object.extend([0x0f, 0x1f, 0x40, 0, state as u8 & 7]);
    }
    object.truncate(length);
    object
}

/// A program with one crate, whose object has these bytes.
pub fn program(user: &User, name: &str, bytes: &[u8]) -> (Build, Files) {
    let mut build = Build::new("app", name);
    let krate = &mut build.manifest.crates[0].object;
    (krate.id, krate.size) = (id(bytes), bytes.len() as u64);
    // The worker of these tests reports this as the object's build id.
    krate.build_id = name.to_owned();
    build.files.retain(|file| file != name.as_bytes());
    build.files.push(bytes.to_vec());
    let put = |bytes: &Vec<u8>| {
        let path = user.root().join(id(bytes).to_string());
        fs::write(&path, bytes).unwrap();
        (id(bytes), Utf8PathBuf::from_path_buf(path).unwrap())
    };
    let files = build.files.iter().map(put).collect();
    (build, files)
}

/// Makes the new object a patch of the old one.
pub fn reference(new: &[u8], old: ObjectId, files: &Files) -> References {
    let path = files[&old].clone();
    References::from([(id(new), Reference { id: old, path })])
}

pub async fn ship(
    client: &Client,
    (build, files): &(Build, Files),
    references: &References,
) -> Result<Shipped, ShipError> {
    let shipment = Shipment {
        manifest: &build.manifest,
        files,
        references,
        transport: Transport::Network,
    };
    let mut seen: Vec<Progress> = Vec::new();
    let shipped = ship::ship(client, &shipment, &mut |progress| seen.push(progress)).await?;
    assert!(seen.is_sorted_by_key(|progress| (progress.done, progress.sent)));
    if let Some(last) = seen.last() {
        assert_eq!((last.done, last.sent), (shipped.bytes, shipped.sent));
    }
    Ok(shipped)
}

fn stored(user: &User, object: &[u8]) -> Option<Vec<u8>> {
    let objects = user.dirs.service("alice-app").join("objects");
    fs::read(objects.join(id(object).to_string())).ok()
}

#[tokio::test]
async fn an_edit_sends_only_the_difference_and_serves() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let old = object(1, 1_000_000);
    let first = program(&user, "one", &old);
    let shipped = ship(&connected.client, &first, &References::new())
        .await
        .unwrap();
    assert_eq!((shipped.objects, shipped.patched), (4, 0));
    assert!(shipped.sent < shipped.bytes, "{shipped:?}");

    let mut new = old.clone();
    new.splice(400_000..400_010, *b"another string");
    let second = program(&user, "two", &new);
    let references = reference(&new, id(&old), &first.1);
    let shipment = Shipment {
        manifest: &second.0.manifest,
        files: &second.1,
        references: &references,
        transport: Transport::Network,
    };
    let order = Order::default();
    let swapped = ship::swap(&connected.client, &shipment, order, &mut |_| {}, &mut || {}).await;
    let (shipped, swapped) = swapped.unwrap();
    assert_eq!((shipped.objects, shipped.patched), (1, 1));
    assert!(shipped.sent < 200, "{shipped:?}");
    assert_eq!(swapped.generation, Generation(1));
    assert_eq!(stored(&user, &new), Some(new));
}

#[tokio::test]
async fn a_patch_restores_an_elf_file_with_moved_addresses() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    // A small file with symbols, relocations, unwind tables and code.
    let old = fs::read("/bin/sh").unwrap();
    let mut new = old.clone();
    for at in (5000..new.len()).step_by(20_000) {
        new[at] ^= 0xff;
    }
    let (first, second) = (program(&user, "one", &old), program(&user, "two", &new));
    ship(&connected.client, &first, &References::new())
        .await
        .unwrap();
    let references = reference(&new, id(&old), &first.1);
    let shipped = ship(&connected.client, &second, &references).await.unwrap();
    assert_eq!((shipped.objects, shipped.patched), (1, 1));
    assert_eq!(stored(&user, &new), Some(new));
}

#[tokio::test]
async fn without_its_reference_an_object_is_sent_whole() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let (old, new) = (object(1, 300_000), object(1, 299_990));
    let (first, second) = (program(&user, "one", &old), program(&user, "two", &new));
    let references = reference(&new, id(&old), &first.1);
    // The service never had it.
    let shipped = ship(&connected.client, &second, &references).await.unwrap();
    assert_eq!((shipped.objects, shipped.patched), (4, 0));
    assert_eq!(stored(&user, &new), Some(new));

    // The local file was replaced by another one.
    let third = [&old[..], b"more"].concat();
    ship(&connected.client, &first, &References::new())
        .await
        .unwrap();
    fs::write(&first.1[&id(&old)], "other").unwrap();
    let references = reference(&third, id(&old), &first.1);
    let program = program(&user, "three", &third);
    let shipped = ship(&connected.client, &program, &references)
        .await
        .unwrap();
    assert_eq!((shipped.objects, shipped.patched), (1, 0));
    assert_eq!(stored(&user, &third), Some(third));
}

#[tokio::test]
async fn after_an_unusable_patch_the_whole_object_is_sent() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let old = object(1, 300_000);
    let new = [&old[..], b"more"].concat();
    let (first, second) = (program(&user, "one", &old), program(&user, "two", &new));
    ship(&connected.client, &first, &References::new())
        .await
        .unwrap();
    // Its store was damaged.
    let objects = user.dirs.service("alice-app").join("objects");
    fs::write(objects.join(id(&old).to_string()), "damaged").unwrap();
    let references = reference(&new, id(&old), &first.1);
    let shipped = ship(&connected.client, &second, &references).await.unwrap();
    assert_eq!((shipped.objects, shipped.patched), (1, 0));
    assert_eq!(stored(&user, &new), Some(new));
}

#[tokio::test]
async fn a_dissimilar_object_is_not_sent_as_a_patch() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let (old, new) = (object(1, 200_000), object(99, 200_000));
    let (first, second) = (program(&user, "one", &old), program(&user, "two", &new));
    ship(&connected.client, &first, &References::new())
        .await
        .unwrap();
    let references = reference(&new, id(&old), &first.1);
    let shipped = ship(&connected.client, &second, &references).await.unwrap();
    let compressed = ship::compress(&new).unwrap().len() as u64;
    assert!(shipped.sent <= compressed, "{} {compressed}", shipped.sent);
    assert_eq!(stored(&user, &new), Some(new));
}

/// A control connection that breaks after `after` bytes to the service.
async fn breaking(connected: &Connected, socket: &std::path::Path, after: usize) -> Client {
    let mut service = UnixStream::connect(socket).await.unwrap();
    let verdict = preamble::call_on(&mut service, Purpose::Control, b"", limits::HEARD).await;
    assert!(matches!(verdict, Ok(Verdict::Welcome)), "{connected:?}");
    let (near, far) = UnixStream::pair().unwrap();
    tokio::spawn(relay(far, service, after));
    let (client, connection) = Client::start(near).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn relay(near: UnixStream, service: UnixStream, after: usize) -> io::Result<()> {
    let (mut from, mut to) = near.into_split();
    let (mut answers, mut questions) = service.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut answers, &mut to).await });
    let mut left = after;
    let mut piece = vec![0; 16 << 10];
    while left > 0 {
        let length = from.read(&mut piece).await?.min(left);
        if length == 0 {
            break;
        }
        questions.write_all(&piece[..length]).await?;
        left -= length;
    }
    // A Unix socket keeps written bytes, so the service reads them all before the end of the
    // stream.
    questions.shutdown().await?;
    back.abort();
    Ok(())
}

/// Waits until the service has a partial object that no upload writes to.
async fn partial(client: &Client, object: ObjectId) -> u64 {
    for _ in 0..10_000 {
        let wanted = Wanted {
            objects: vec![object],
            references: Vec::new(),
        };
        let missing: Missing = client.ask(path::MISSING, &wanted).await.unwrap();
        if let Some(partial) = missing.objects[0].partials.first() {
            return partial.bytes;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("the service has no part of the object");
}

#[tokio::test]
async fn an_interrupted_upload_resumes() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let socket = user.dirs.socket("alice-app").unwrap();
    let bytes = object(3, 4_000_000);
    let program = program(&user, "one", &bytes);
    let all = ship::compress(&bytes).unwrap().len() as u64;
    let broken = breaking(&connected, &socket, 1_500_000).await;
    ship(&broken, &program, &References::new())
        .await
        .unwrap_err();
    let there = partial(&connected.client, id(&bytes)).await;
    assert!(there > 1_000_000, "{there} of {all}");
    let shipped = ship(&connected.client, &program, &References::new())
        .await
        .unwrap();
    assert_eq!(shipped.resumed, 1, "{shipped:?}");
    // The rest, and some small objects.
    let rest = all - there;
    assert!((rest..rest + 1000).contains(&shipped.sent), "{shipped:?}");
    assert_eq!(stored(&user, &bytes), Some(bytes));
}

#[tokio::test]
async fn a_wrong_partial_object_is_detected_and_sent_from_scratch() {
    let user = User::new();
    let connected = user.start("alice-app").await;
    let socket = user.dirs.socket("alice-app").unwrap();
    let bytes = object(4, 2_000_000);
    let program = program(&user, "one", &bytes);
    let file = &program.1[&id(&bytes)];
    fs::write(file, object(7, 2_000_000)).unwrap();
    let broken = breaking(&connected, &socket, 500_000).await;
    ship(&broken, &program, &References::new())
        .await
        .unwrap_err();
    partial(&connected.client, id(&bytes)).await;
    fs::write(file, &bytes).unwrap();
    let shipped = ship(&connected.client, &program, &References::new())
        .await
        .unwrap();
    assert_eq!(shipped.resumed, 0, "{shipped:?}");
    assert_eq!(stored(&user, &bytes), Some(bytes));
}

#[tokio::test]
async fn concurrent_uploads_of_one_object_all_succeed() {
    let user = Arc::new(User::new());
    let connected = Arc::new(user.start("alice-app").await);
    let bytes = object(6, 3_000_000);
    let start = Arc::new(Semaphore::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..4 {
        // Both transports, so that equal and different streams of one object meet.
        let transport = [Transport::Network, Transport::SameHost][number % 2];
        let (build, files) = program(&user, "one", &bytes);
        let (connected, start) = (Arc::clone(&connected), Arc::clone(&start));
        senders.spawn(async move {
            let _turn = start.acquire().await.unwrap();
            let references = References::new();
            let shipment = Shipment {
                manifest: &build.manifest,
                files: &files,
                references: &references,
                transport,
            };
            ship::ship(&connected.client, &shipment, &mut |_| {}).await
        });
    }
    start.add_permits(4);
    while let Some(shipped) = senders.join_next().await {
        shipped.unwrap().unwrap();
    }
    assert_eq!(stored(&user, &bytes), Some(bytes));
}

#[tokio::test]
#[ignore = "measures, for docs/design/delta.md: run it alone, with --nocapture"]
async fn measure_encoding_on_a_fast_link() {
    const MEBI: usize = 1 << 20;
    for (name, length) in [("an edit", 2 * MEBI), ("a first upload", 24 * MEBI)] {
        for transport in [Transport::SameHost, Transport::Network] {
            let user = User::new();
            let connected = user.start("alice-app").await;
            let old = object(1, length);
            let first = program(&user, "one", &old);
            let mut references = References::new();
            let mut new = old.clone();
            new.splice(400_000..400_010, *b"another string");
            if name == "an edit" {
                ship(&connected.client, &first, &references).await.unwrap();
                references = reference(&new, id(&old), &first.1);
            }
            let (build, files) = program(&user, "two", &new);
            let shipment = Shipment {
                manifest: &build.manifest,
                files: &files,
                references: &references,
                transport,
            };
            let begun = std::time::Instant::now();
            let shipped = ship::ship(&connected.client, &shipment, &mut |_| {}).await;
            let took = begun.elapsed();
            println!(
                "{name} of {length} bytes, {transport:?}: {} bytes in {took:.1?}",
                shipped.unwrap().sent
            );
        }
    }
}
