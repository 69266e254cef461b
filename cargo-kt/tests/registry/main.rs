//! What `cargo kt run` learns from a registry, without a cluster: requests to the registry of the
//! cluster suite.

mod server;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, Instant},
};

use cargo_kt::place::kubernetes::registry::{
    self, Answer, DockerConfig, Image, Platform, Reference, Tags, Unanswered,
};
use server::Registry;

/// alice:wonderland
const PASSWORD: &str = r#"{"auth": "YWxpY2U6d29uZGVybGFuZA=="}"#;
/// alice:wrong
const WRONG: &str = r#"{"auth": "YWxpY2U6d3Jvbmc="}"#;
const IDENTITY: &str = r#"{"identitytoken": "alice-identity"}"#;

async fn ask(image: &str, config: &str) -> Result<Answer, Unanswered> {
    let reference = Reference::parse(image).expect("it is valid");
    let config = DockerConfig::parse(config).expect("it is valid");
    registry::ask(&reference, config, &Platform::linux("amd64")).await
}

fn sample(architecture: &str) -> Answer {
    Answer::Found(Image {
        platforms: vec![Platform::linux(architecture)],
        size: Some(1234),
    })
}

#[tokio::test]
async fn an_image_has_a_size_and_platforms() {
    let registry = Registry::start();
    let answer = async |name| ask(&registry.image(name), "{}").await.unwrap();
    assert_eq!(answer("sample:12").await, sample("amd64"));
    assert_eq!(answer("sample").await, sample("amd64"));
    assert_eq!(answer("foreign/sample:12").await, sample("arm64"));
    // Of an index for other CPUs, nothing would be pulled.
    let Answer::Found(image) = answer("arm64/sample:12").await else {
        panic!("it exists");
    };
    assert_eq!(image.platforms, [Platform::linux("arm64")]);
    assert_eq!(image.size, None);
}

#[tokio::test]
async fn an_unknown_tag_is_answered_with_all_pages_of_tags() {
    let registry = Registry::start();
    let answer = ask(&registry.image("sample:12-slm"), "{}").await.unwrap();
    let expected = Tags {
        shown: ["12-slim", "12", "latest"].map(str::to_owned).to_vec(),
        others: 0,
        nearest: Some("12-slim".to_owned()),
    };
    assert_eq!(answer, Answer::NotFound(expected));
    let nowhere = ask(&registry.image("nowhere:1"), "{}").await.unwrap();
    assert_eq!(nowhere, Answer::NotFound(Tags::default()));
    let digest = format!("sample@sha256:{}", "0".repeat(64));
    let digest = ask(&registry.image(&digest), "{}").await.unwrap();
    assert_eq!(digest, Answer::NotFound(Tags::default()));
}

#[tokio::test]
async fn credentials_are_used_where_the_registry_requires_them() {
    let registry = Registry::start();
    for (name, entry) in [
        ("token/sample:12", "{}"),
        ("token/sample:12", PASSWORD),
        ("basic/sample:12", PASSWORD),
        ("login/sample:12", PASSWORD),
        ("login/sample:12", IDENTITY),
    ] {
        let answer = ask(&registry.image(name), &registry.login(entry)).await;
        assert_eq!(answer.unwrap(), sample("amd64"), "{name} with {entry}");
    }
    // The tags are listed with the same token.
    let unknown = ask(&registry.image("login/sample:1"), &registry.login(PASSWORD)).await;
    let Answer::NotFound(tags) = unknown.unwrap() else {
        panic!("it has another tag");
    };
    assert_eq!(tags.shown[0], "12");
}

/// Nothing that a node with other credentials or at another time could pull is called absent.
#[tokio::test]
async fn a_registry_that_does_not_tell_gives_no_answer() {
    let registry = Registry::start();
    for (name, entry) in [
        ("private/sample:12", PASSWORD),
        ("basic/sample:12", "{}"),
        ("basic/sample:12", WRONG),
        ("login/sample:12", "{}"),
        ("login/sample:12", WRONG),
        ("login/sample:12", r#"{"identitytoken": "other"}"#),
        ("denied/sample:12", PASSWORD),
        ("limited/sample:12", "{}"),
        ("large/sample:12", "{}"),
    ] {
        let answer = ask(&registry.image(name), &registry.login(entry)).await;
        assert!(answer.is_err(), "{name} with {entry}: {answer:?}");
    }
    let address = registry.image("sample:12");
    drop(registry);
    assert!(matches!(
        ask(&address, "{}").await,
        Err(Unanswered::Http(_))
    ));
}

#[tokio::test]
async fn a_list_of_tags_without_an_end_is_cut() {
    let registry = Registry::start();
    let answer = ask(&registry.image("endless/app:v3"), "{}").await.unwrap();
    let Answer::NotFound(tags) = answer else {
        panic!("it has no image");
    };
    assert_eq!(tags.shown[0], "v3");
    assert!(tags.shown.len() + tags.others < 10, "{tags:?}");
}

/// The process that [`a_stored_password_is_found_as_docker_finds_it`] starts: the file and the
/// program are found through the environment.
#[tokio::test]
#[ignore = "not a test: the process that another test starts"]
async fn process() {
    let image = std::env::var("KT_TEST_IMAGE").expect("the test sets it");
    let reference = Reference::parse(&image).expect("it is valid");
    let pod = Platform::linux("amd64");
    let answer = registry::ask(&reference, DockerConfig::read(), &pod).await;
    assert_eq!(answer.unwrap(), sample("amd64"));
}

#[test]
fn a_stored_password_is_found_as_docker_finds_it() {
    let registry = Registry::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let server = registry.image("");
    let server = server.trim_end_matches('/');
    let program = format!(
        "#!/bin/sh\n[ \"$1 $(cat)\" = 'get {server}' ] && echo '{{\"Username\":\"alice\",\"Secret\":\"wonderland\"}}'\n"
    );
    fs::write(path("docker-credential-kt-test"), program).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path("docker-credential-kt-test"), executable).unwrap();
    let search = std::env::var("PATH").unwrap();
    let search = format!("{}:{search}", folder.path().display());
    for config in [
        r#"{"credsStore": "kt-test"}"#.to_owned(),
        format!(r#"{{"credsStore": "nowhere", "credHelpers": {{"{server}": "kt-test"}}}}"#),
        registry.login(PASSWORD),
    ] {
        fs::write(path("config.json"), &config).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "process"])
            .env("DOCKER_CONFIG", folder.path())
            .env("PATH", &search)
            .env("KT_TEST_IMAGE", registry.image("login/sample:12"))
            .status();
        assert!(status.unwrap().success(), "{config}");
    }
}

/// A registry that accepts a connection and says nothing does not hold the check back.
#[tokio::test]
async fn a_silent_registry_ends_the_check() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/app:1", silent.local_addr().unwrap());
    let check = registry::ImageCheck::begin(&image, "amd64");
    let begun = Instant::now();
    assert_eq!(check.answer(Duration::from_secs(3600)).await, None);
    assert!(begun.elapsed() < Duration::from_secs(60));
}
