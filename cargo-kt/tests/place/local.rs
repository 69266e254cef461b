use std::time::Duration;

use cargo_kt::place::{PlaceError, Places, local::connect_or_start, service};
use kt::wire::{VERSION, control::LogFrom};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use crate::fixture::{User, exited, kill};

#[tokio::test]
async fn a_service_is_started_once_then_found_listed_and_stopped() {
    let user = User::new();
    let first = user.start("alice-app").await;
    assert!(first.started);
    let second = user.start("alice-app").await;
    assert!(!second.started);
    assert_eq!(second.status.host_pid, first.status.host_pid);
    assert_eq!(user.names().await, ["alice-app"]);

    user.down("alice-app").await.unwrap();
    assert_eq!(user.names().await, [""; 0]);
    assert!(!user.dirs.runtime.join("alice-app").exists());
    let third = user.start("alice-app").await;
    assert_ne!(third.status.host_pid, first.status.host_pid);
}

#[tokio::test]
async fn concurrent_starts_get_the_same_host() {
    let user = User::new();
    let (one, two, three) = tokio::join!(
        user.start("alice-app"),
        user.start("alice-app"),
        user.start("alice-app")
    );
    assert_eq!(one.status.host_pid, two.status.host_pid);
    assert_eq!(one.status.host_pid, three.status.host_pid);
}

#[tokio::test]
async fn a_service_can_start_while_its_predecessor_stops() {
    let user = User::new();
    let first = user.start("alice-app").await;
    let (ended, second) = tokio::join!(user.down("alice-app"), async {
        // The first host may still answer: retry until the second one does.
        loop {
            let connected = user.start("alice-app").await;
            if connected.status.host_pid != first.status.host_pid {
                return connected;
            }
            tokio::task::yield_now().await;
        }
    });
    ended.unwrap();
    assert_eq!(second.service, "alice-app");
}

#[tokio::test]
async fn another_workspace_gets_its_own_name_and_keeps_it() {
    let user = User::new();
    let one = user.start("alice-app").await;
    let spec = user.spec("alice-app", "/other");
    let other = connect_or_start(&user.dirs, &spec).await.unwrap();
    assert_eq!(other.service, service::name_in("alice-app", "/other"));
    assert_ne!(other.status.host_pid, one.status.host_pid);

    user.down("alice-app").await.unwrap();
    let again = connect_or_start(&user.dirs, &spec).await.unwrap();
    assert_eq!(again.status.host_pid, other.status.host_pid);
}

#[tokio::test]
async fn the_last_explicit_ttl_applies() {
    let user = User::new();
    let mut spec = user.spec("alice-app", "/workspace");
    spec.inactivity_ttl = Some(Duration::from_secs(100));
    connect_or_start(&user.dirs, &spec).await.unwrap();
    spec.inactivity_ttl = None;
    let connected = connect_or_start(&user.dirs, &spec).await.unwrap();
    assert_eq!(connected.status.ttl_ms, 100_000);
    spec.inactivity_ttl = Some(Duration::from_secs(200));
    connect_or_start(&user.dirs, &spec).await.unwrap();
    spec.inactivity_ttl = None;
    let connected = connect_or_start(&user.dirs, &spec).await.unwrap();
    assert_eq!(connected.status.ttl_ms, 200_000);
}

#[tokio::test]
async fn leftovers_of_a_killed_host_are_removed() {
    let user = User::new();
    let first = user.start("alice-app").await;
    kill(first.status.host_pid, "KILL");
    exited(first.status.host_pid).await;
    let second = user.start("alice-app").await;
    assert_ne!(second.status.host_pid, first.status.host_pid);

    kill(second.status.host_pid, "KILL");
    exited(second.status.host_pid).await;
    assert_eq!(user.names().await, [""; 0]);
    assert!(matches!(
        user.down("alice-app").await,
        Err(PlaceError::NoService { .. })
    ));
    assert!(!user.dirs.runtime.join("alice-app").exists());
}

#[tokio::test]
async fn the_error_for_another_version_names_both_versions_and_the_fix() {
    let user = User::new();
    let socket = user.dirs.socket("alice-app").unwrap();
    std::fs::create_dir(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    let host = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 7]).await.unwrap();
            stream.write_all(b"\x01\x05\x009.8.7").await.unwrap();
        }
    });
    let spec = user.spec("alice-app", "/workspace");
    let error = connect_or_start(&user.dirs, &spec).await.unwrap_err();
    assert!(matches!(error, PlaceError::OtherVersion { .. }));
    let text = error.to_string();
    for expected in ["9.8.7", VERSION, "cargo kt down alice-app"] {
        assert!(text.contains(expected), "{text}");
    }
    let listed = Places::new(user.dirs.clone(), None)
        .list(false)
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    host.abort();
}

#[tokio::test]
async fn a_host_start_error_quotes_stderr() {
    let user = User::new();
    let mut spec = user.spec("alice-app", "/workspace");
    for (host, expected) in [
        (&["/bin/sh", "-c", "echo broken >&2; exit 1"][..], "broken"),
        (&["/bin/true"], "without an error message"),
        (&["/not/there"], "/not/there"),
    ] {
        spec.host = host.iter().map(Into::into).collect();
        match connect_or_start(&user.dirs, &spec).await.unwrap_err() {
            PlaceError::HostStart { why, .. } => assert!(why.contains(expected), "{why}"),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn an_unknown_name_suggests_the_nearest() {
    let user = User::new();
    user.start("alice-app").await;
    match user.down("alice-ap").await.unwrap_err() {
        PlaceError::NoService { nearest, .. } => assert_eq!(nearest.unwrap(), "alice-app"),
        other => panic!("{other}"),
    }
    assert!(matches!(
        user.down("../alice-app").await,
        Err(PlaceError::BadName { .. })
    ));
}

#[tokio::test]
async fn the_log_outlives_its_service() {
    let user = User::new();
    user.start("alice-app").await;
    // Write the worker's output directly.
    let logs = user.dirs.service("alice-app").join("logs");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join(format!("{:020}", 0)), "printed\n").unwrap();
    let show = async || {
        let mut logs = Places::new(user.dirs.clone(), None)
            .logs("alice-app", LogFrom::Start, false)
            .await
            .unwrap();
        let mut text = Vec::new();
        while let Some(piece) = logs.next().await {
            text.extend_from_slice(&piece.unwrap());
        }
        String::from_utf8(text).unwrap()
    };
    assert_eq!(show().await, "printed\n");
    user.down("alice-app").await.unwrap();
    assert_eq!(show().await, "printed\n");
}
