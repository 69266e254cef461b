use kt::wire::{ObjectId, client::RequestError, control::SwapRefused, control::path};

use crate::service::{Build, Service, id, soon, upload};

#[tokio::test]
async fn an_object_is_missing_until_it_is_uploaded() {
    let service = Service::start();
    let control = service.control().await;
    let (one, two) = (vec![1; 3 << 20], b"two".to_vec());
    let wanted = vec![id(&one), id(&two)];
    let missing: Vec<ObjectId> = soon(control.ask(path::MISSING, &wanted)).await.unwrap();
    assert_eq!(missing, wanted);
    upload(&control, &wanted[0].to_string(), one.clone())
        .await
        .unwrap();
    let missing: Vec<ObjectId> = soon(control.ask(path::MISSING, &wanted)).await.unwrap();
    assert_eq!(missing, wanted[1..]);
    assert_eq!(service.files("objects"), [wanted[0].to_string()]);
}

#[tokio::test]
async fn what_does_not_have_the_hash_it_says_is_refused_and_leaves_nothing() {
    let service = Service::start();
    let control = service.control().await;
    let refused = upload(&control, &id(b"right").to_string(), b"wrong".to_vec()).await;
    let Err(RequestError::Refused(status, words)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status, 400);
    assert!(words.contains("changed while it was sent"), "{words}");
    for name in ["..", "../../etc/passwd", "", "00ff"] {
        assert!(
            upload(&control, name, b"x".to_vec()).await.is_err(),
            "{name}"
        );
    }
    assert_eq!(service.files("objects"), [""; 0]);
}

#[tokio::test]
async fn names_that_lead_out_of_the_workers_directory_are_refused() {
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
async fn a_name_keeps_its_object_for_as_long_as_the_worker_lives() {
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
    let missing: Vec<ObjectId> = soon(control.ask(path::MISSING, &ids)).await.unwrap();
    assert_eq!(missing, []);
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
