use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use kt::{
    host,
    wire::control::{Down, SetTtl, path},
};

use crate::service::{Build, Service, exists, exited, signal, with_timeout};

#[tokio::test]
async fn an_unused_service_stops_and_removes_its_store() {
    let mut service = Service::with(|options| options.inactivity_ttl = Duration::from_millis(300));
    let swapped = service.swap(&Build::new("app", "one")).await.unwrap();
    assert!(service.ended().await.success());
    exited(swapped.worker.pid).await;
    assert!(!exists(&service.options.socket));
    assert!(!exists(&service.options.directory.join("objects")));
    assert!(!exists(&service.options.directory.join("loaded")));
    assert!(exists(&service.options.directory.join("host.log")));
}

#[tokio::test]
async fn a_call_in_flight_keeps_the_service() {
    let mut service = Service::with(|options| options.inactivity_ttl = Duration::from_millis(300));
    service.swap(&Build::new("app", "one")).await.unwrap();
    let mut driver = service.driver().await;
    driver.ask("begin").await.unwrap();
    // Three times its TTL, by the host's own clock.
    let start = service.status().await.uptime_ms;
    loop {
        let status = service.status().await;
        assert_eq!(status.worker.unwrap().calls, Some(1));
        if status.uptime_ms > start + 900 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    driver.ask("finish").await.unwrap();
    assert!(service.ended().await.success());
}

#[tokio::test]
async fn the_time_to_live_can_be_changed() {
    let mut service = Service::start();
    assert_eq!(service.status().await.ttl_ms, 60_000);
    let control = service.control().await;
    with_timeout(control.ask::<_, ()>(path::TTL, &SetTtl { ttl_ms: 100 }))
        .await
        .unwrap();
    assert!(service.ended().await.success());
}

#[tokio::test]
async fn down_answers_and_removes_everything() {
    let mut service = Service::start();
    let swapped = service.swap(&Build::new("app", "one")).await.unwrap();
    let mut driver = service.driver().await;
    driver.ask("begin").await.unwrap();
    driver.ask("stubborn").await.unwrap();
    let control = service.control().await;
    with_timeout(control.ask::<_, ()>(path::DOWN, &Down { grace_ms: 50 }))
        .await
        .unwrap();
    assert!(service.ended().await.success());
    exited(swapped.worker.pid).await;
    assert!(!exists(&service.options.socket));
}

#[tokio::test]
async fn a_signal_stops_the_host_the_same_way() {
    let mut service = Service::start();
    let swapped = service.swap(&Build::new("app", "one")).await.unwrap();
    signal(service.pid(), "TERM");
    assert!(service.ended().await.success());
    exited(swapped.worker.pid).await;
    assert!(!exists(&service.options.socket));
}

#[tokio::test]
async fn the_second_host_of_a_service_exits() {
    let service = Service::start();
    assert_eq!(service.first_line, host::READY);
    let (mut second_host, first_line) = service.second_host();
    assert_eq!(first_line, host::TAKEN);
    assert!(second_host.wait().unwrap().success());
    assert_eq!(service.status().await.host_pid, service.pid());
}

#[tokio::test]
async fn the_socket_of_a_killed_host_is_replaced() {
    let mut service = Service::start();
    let first = service.pid();
    service.kill();
    assert!(exists(&service.options.socket));
    service.crash_and_restart();
    assert_eq!(service.first_line, host::READY);
    assert_ne!(service.status().await.host_pid, first);
}

#[tokio::test]
async fn socket_and_directories_are_private_to_the_user() {
    let service = Service::start();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&service.options.socket), 0o600);
    assert_eq!(mode(service.options.socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&service.options.directory), 0o700);
}

#[tokio::test]
async fn the_host_leads_its_own_session() {
    let service = Service::start();
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.pid())).unwrap();
    // After the name in brackets: state, parent, group, session.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = rest.split(' ').collect();
    assert_eq!(fields[3], service.pid().to_string());
}
