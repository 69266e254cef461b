use std::{fs, time::Instant};

use bytes::Bytes;
use http::Method;
use kt::wire::{
    ObjectId,
    client::{self, Client, RequestError},
    control::{SwapRefused, path},
    upload::{Encoding, Head, Missing, UploadRefused, Wanted},
};

use crate::service::{Build, Service, TIMEOUT, eventually, id, upload, with_timeout};

async fn lacks(control: &Client, objects: &[ObjectId], references: &[ObjectId]) -> Missing {
    let wanted = Wanted {
        objects: objects.to_vec(),
        references: references.to_vec(),
    };
    with_timeout(control.ask(path::MISSING, &wanted))
        .await
        .unwrap()
}

async fn missing(control: &Client, wanted: &[ObjectId]) -> Vec<ObjectId> {
    let missing = lacks(control, wanted, &[]).await;
    missing.objects.iter().map(|object| object.id).collect()
}

#[tokio::test]
async fn an_object_is_missing_until_it_is_uploaded() {
    let service = Service::start();
    let control = service.control().await;
    let (one, two) = (vec![1; 3 << 20], b"two".to_vec());
    let wanted = vec![id(&one), id(&two)];
    assert_eq!(missing(&control, &wanted).await, wanted);
    upload(&control, &wanted[0].to_string(), one.clone())
        .await
        .unwrap();
    assert_eq!(missing(&control, &wanted).await, wanted[1..]);
    assert_eq!(service.files("objects"), [wanted[0].to_string()]);
}

#[tokio::test]
async fn an_object_with_another_hash_is_refused_and_leaves_nothing() {
    let service = Service::start();
    let control = service.control().await;
    let refused = upload(&control, &id(b"right").to_string(), b"wrong".to_vec()).await;
    let Err(RequestError::Refused(status, message)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status, 400);
    assert!(message.contains("changed while it was sent"), "{message}");
    for name in ["..", "../../etc/passwd", "", "00ff"] {
        assert!(
            upload(&control, name, b"x".to_vec()).await.is_err(),
            "{name}"
        );
    }
    assert_eq!(service.files("objects"), [""; 0]);
}

#[tokio::test]
async fn names_outside_the_workers_directory_are_refused() {
    let service = Service::start();
    for name in ["../escaped.so", "/tmp/escaped.so", ".hidden", ""] {
        let mut build = Build::new("app", "one");
        build.manifest.crates[0].object.name = name.to_owned();
        let refused = service.swap(&build).await.unwrap_err();
        assert!(matches!(refused, SwapRefused::Load(_)), "{refused:?}");
    }
    assert_eq!(service.files("loaded"), [""; 0]);
    assert!(!service.options.directory.join("escaped.so").exists());
}

#[tokio::test]
async fn a_name_keeps_its_object_while_the_worker_runs() {
    let service = Service::start();
    service.swap(&Build::new("app", "one")).await.unwrap();
    let mut other = Build::new("app", "two");
    other.manifest.crates[0].object.name = "libkt-app-one.so".to_owned();
    match service.swap(&other).await {
        Err(SwapRefused::Load(why)) => assert!(why.contains("libkt-app-one.so"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn objects_survive_a_crash_of_the_host() {
    let mut service = Service::start();
    let build = Build::new("app", "one");
    service.swap(&build).await.unwrap();
    service.crash_and_restart();
    let control = service.control().await;
    let ids: Vec<ObjectId> = build.files.iter().map(|bytes| id(bytes)).collect();
    assert_eq!(missing(&control, &ids).await, []);
}

#[tokio::test]
async fn objects_of_old_generations_are_removed() {
    let service = Service::start();
    for number in 0..8 {
        let build = Build::new("app", &format!("code{number}"));
        service.swap(&build).await.unwrap();
    }
    let objects = service.files("objects");
    let there = |code: &str| objects.contains(&id(code.as_bytes()).to_string());
    assert!(!there("code0") && !there("code1"), "{objects:?}");
    for kept in ["code4", "code5", "code6", "code7", "std", "base"] {
        assert!(there(kept), "{kept}");
    }
}

/// Sends a `PUT` with this head and returns its refusal.
async fn put(
    control: &Client,
    object: ObjectId,
    head: &Head,
    bytes: &[u8],
) -> Result<(), (Option<UploadRefused>, RequestError)> {
    let mut request = client::request(Method::PUT, &format!("{}{object}", path::OBJECT));
    head.write(request.headers_mut());
    let body = Bytes::copy_from_slice(bytes);
    let response = with_timeout(control.request(request, body)).await.unwrap();
    let refused = UploadRefused::read(response.headers());
    let answer = Client::answer(response).await;
    answer.map(drop).map_err(|error| (refused, error))
}

#[tokio::test]
async fn refusals_say_whether_another_encoding_may_succeed() {
    let service = Service::start();
    let control = service.control().await;
    let recipe = "test".to_owned();
    let compressed = Head {
        encoding: Encoding::Zstd {
            recipe: recipe.clone(),
        },
        length: Some(3),
        offset: 0,
    };
    let patch = Head {
        encoding: Encoding::Patch {
            reference: id(b"old"),
            recipe,
        },
        ..compressed.clone()
    };
    let resumed = Head {
        offset: 7,
        ..compressed.clone()
    };
    let whole = Head {
        encoding: Encoding::Identity,
        ..compressed.clone()
    };
    for (head, expected, status) in [
        (compressed, UploadRefused::Undecodable, 400),
        (patch, UploadRefused::NoReference, 409),
        (resumed, UploadRefused::NoPartial, 409),
        (whole.clone(), UploadRefused::WrongHash, 400),
    ] {
        let (refused, error) = put(&control, id(b"new"), &head, b"bad").await.unwrap_err();
        assert_eq!(refused, Some(expected), "{error}");
        assert!(matches!(error, RequestError::Refused(is, _) if is == status));
    }
    put(&control, id(b"new"), &whole, b"new").await.unwrap();
    assert_eq!(service.files("objects"), [id(b"new").to_string()]);
}

#[tokio::test]
async fn the_received_part_of_an_interrupted_upload_is_reported() {
    let service = Service::start();
    let control = service.control().await;
    let object = vec![9; 1 << 20];
    let head = Head {
        encoding: Encoding::Identity,
        length: Some(object.len() as u64),
        offset: 0,
    };
    let mut request = client::request(Method::PUT, &format!("{}{}", path::OBJECT, id(&object)));
    head.write(request.headers_mut());
    let (answer, mut body) = control.begin(Box::new(request), false).await.unwrap();
    let first = Bytes::copy_from_slice(&object[..300_000]);
    with_timeout(body.send(first, false)).await.unwrap();
    let objects = service.options.directory.join("objects");
    let arrived = || {
        let files = fs::read_dir(&objects).unwrap();
        let lengths = files.map(|file| file.unwrap().metadata().map_or(0, |data| data.len()));
        lengths.sum::<u64>() == 300_000
    };
    eventually(arrived).await;
    // The stream is reset.
    drop((body, answer));
    let mut found = None;
    let deadline = Instant::now() + TIMEOUT;
    while found.is_none() && Instant::now() < deadline {
        let missing = lacks(&control, &[id(&object)], &[]).await;
        found = missing.objects[0].partials.first().cloned();
    }
    let found = found.expect("the partial upload is reported");
    assert_eq!(found.tag, head.tag());
    assert_eq!(found.bytes, 300_000);
    let rest = Head {
        offset: found.bytes,
        ..head
    };
    put(
        &control,
        id(&object),
        &rest,
        &object[found.bytes as usize..],
    )
    .await
    .unwrap();
    assert_eq!(missing(&control, &[id(&object)]).await, []);
}

#[tokio::test]
async fn missing_references_are_reported() {
    let service = Service::start();
    let control = service.control().await;
    upload(&control, &id(b"old").to_string(), b"old".to_vec())
        .await
        .unwrap();
    let missing = lacks(&control, &[], &[id(b"older"), id(b"old")]).await;
    assert_eq!(missing.references, [id(b"old")]);
    assert_eq!(missing.objects, []);
}
