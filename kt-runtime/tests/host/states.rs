use std::{fs, path::PathBuf};

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, header::CONTENT_LENGTH};
use kt::{
    codec,
    wire::{
        client::{self, Client, RequestError},
        control::path,
        frame, limits,
        state::{Moved, StateAnswer, StateRefused, StateRequest},
    },
};
use serde::Serialize;

use crate::{
    service::{Build, Service, with_timeout},
    worker::SAVED,
};

async fn load(control: &Client, bytes: &[u8]) -> Result<Moved, RequestError> {
    let request = client::request(Method::PUT, path::STATE_LOAD);
    let response = with_timeout(control.request(request, Bytes::copy_from_slice(bytes)))
        .await
        .map_err(RequestError::Http)?;
    let answer = Client::answer(response).await?;
    let loaded: Result<Moved, StateRefused> = codec::decode(&answer).unwrap();
    Ok(loaded.unwrap())
}

async fn save(control: &Client) -> (Result<Moved, StateRefused>, Bytes) {
    let request = client::post(path::STATE_SAVE);
    let response = with_timeout(control.request(request, Bytes::new()))
        .await
        .unwrap();
    let body = with_timeout(Client::answer(response)).await.unwrap();
    let mut body = BytesMut::from(&body[..]);
    let moved = frame::decode(&mut body, limits::CONTROL).unwrap().unwrap();
    (moved, body.freeze())
}

#[tokio::test]
async fn state_files_travel_as_bytes_and_are_removed() {
    let service = Service::start();
    service.swap(&Build::new("app", "one")).await.unwrap();
    let control = service.control().await;
    assert_eq!(
        save(&control).await,
        (Ok(Moved::default()), SAVED.as_bytes().into())
    );
    let large = vec![7; 3 << 20];
    assert_eq!(load(&control, &large).await.unwrap().bytes, 3 << 20);
    assert_eq!(load(&control, b"").await.unwrap().bytes, 0);
    assert_eq!(service.files("states"), [""; 0]);
}

#[tokio::test]
async fn without_a_worker_a_save_is_refused() {
    let service = Service::start();
    let control = service.control().await;
    assert_eq!(
        save(&control).await,
        (Err(StateRefused::NoWorker), Bytes::new())
    );
}

#[tokio::test]
async fn more_than_the_limit_is_refused_before_it_is_sent() {
    let service = Service::start();
    service.swap(&Build::new("app", "one")).await.unwrap();
    let control = service.control().await;
    let mut request = client::request(Method::PUT, path::STATE_LOAD);
    request
        .headers_mut()
        .insert(CONTENT_LENGTH, (limits::SAVED + 1).into());
    let (head, _body) = with_timeout(control.begin(Box::new(request), false))
        .await
        .unwrap();
    let response = with_timeout(head).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// A request of a client that asks the worker to open a file. The host's commands to the worker
/// have higher variant indexes than the requests of clients.
#[derive(Serialize)]
enum ForgedRequest {
    _0,
    _1,
    _2,
    _3,
    _4,
    Save { file: PathBuf, hold: Option<u64> },
}

#[tokio::test]
async fn a_client_cannot_name_a_file() {
    let service = Service::start();
    service.swap(&Build::new("app", "one")).await.unwrap();
    let control = service.control().await;
    let file = service.root.path().join("forged");
    let forged = ForgedRequest::Save {
        file: file.clone(),
        hold: None,
    };
    let refused: Result<Result<StateAnswer, StateRefused>, _> =
        with_timeout(control.ask(path::STATE, &forged)).await;
    assert!(
        matches!(&refused, Err(RequestError::Refused(status, _)) if *status == 400),
        "{refused:?}"
    );
    assert!(!file.exists());
    let list: Result<StateAnswer, StateRefused> =
        with_timeout(control.ask(path::STATE, &StateRequest::List))
            .await
            .unwrap();
    assert!(matches!(list, Ok(StateAnswer::List(_))));
}

#[tokio::test]
async fn state_files_of_a_killed_host_are_removed() {
    let mut service = Service::start();
    let left = service.options.directory.join("states/save-0");
    fs::write(&left, "secret").unwrap();
    service.crash_and_restart();
    assert_eq!(service.files("states"), [""; 0]);
}
