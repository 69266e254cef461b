use std::time::Duration;

use kt::{
    codec,
    wire::{
        PROTOCOL, VERSION,
        client::{self, RequestError},
        control::{Down, LogFrom, LogRequest, path},
        preamble::{Purpose, Verdict},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::service::{Build, Service, with_timeout};

#[tokio::test]
async fn a_connection_without_a_preamble_is_closed() {
    let service = Service::start();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(UnixStream::connect(&service.options.socket).await.unwrap());
    }
    let mut stream = UnixStream::connect(&service.options.socket).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // If the host left bytes unread, the client sees a reset instead of an end of file.
    let _ = with_timeout(stream.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
    service.status().await;
}

#[tokio::test]
async fn a_client_of_another_protocol_learns_our_version() {
    let service = Service::start();
    let mut stream = UnixStream::connect(&service.options.socket).await.unwrap();
    let mut hello = b"KT".to_vec();
    hello.extend((PROTOCOL + 1).to_le_bytes());
    hello.extend(b"c\0\0");
    stream.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    with_timeout(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer[0], 1);
    assert_eq!(&answer[3..], VERSION.as_bytes());
}

#[tokio::test]
async fn a_token_is_required_if_there_is_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let service = Service::with(|options| options.token_file = Some(file.path().to_owned()));
    for wrong in [&b""[..], b"secre", b"secreT"] {
        let refused = service.call_on(Purpose::Control, wrong).await.unwrap_err();
        assert_eq!(refused, Verdict::Forbidden);
    }
    service.call_on(Purpose::Control, b"secret").await.unwrap();
}

#[tokio::test]
async fn a_driver_before_the_first_generation_is_refused() {
    let service = Service::start();
    match service.call_on(Purpose::Data, b"").await.unwrap_err() {
        Verdict::NoWorker(why) => assert!(why.contains("cargo kt run"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_request_is_refused_with_a_message() {
    let service = Service::start();
    let control = service.control().await;
    match control.ask::<_, ()>("/v9/anything", &()).await.unwrap_err() {
        RequestError::Refused(status, message) => {
            assert_eq!(status, 404);
            assert!(message.contains("/v9/anything"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    // Bytes that are not a request.
    match control.ask::<_, ()>(path::SWAP, &()).await.unwrap_err() {
        RequestError::Refused(status, _) => assert_eq!(status, 400),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_log_is_followed_to_the_services_end() {
    let service = Service::start();
    service.swap(&Build::new("app", "one")).await.unwrap();
    let control = service.control().await;
    let request = LogRequest {
        from: LogFrom::Start,
        follow: true,
    };
    let body = codec::encode(&request, 100).unwrap();
    let response = with_timeout(control.request(client::post(path::LOGS), body.into()))
        .await
        .unwrap();
    let mut log = response.into_body();

    let directory = service.options.directory.join("logs");
    let append = |text: &str| {
        std::fs::create_dir_all(&directory).unwrap();
        let name = directory.join(format!("{:020}", 0));
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(name)
            .unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    for text in ["first\n", "second\n"] {
        append(text);
        let piece = with_timeout(log.chunk()).await.unwrap().unwrap();
        assert_eq!(piece, text);
    }
    let down = Down { grace_ms: 1000 };
    with_timeout(control.ask::<_, ()>(path::DOWN, &down))
        .await
        .unwrap();
    let rest = tokio::time::timeout(Duration::from_secs(10), log.collect(1 << 20));
    // The worker's own last output, which the host read from its pipe.
    let rest = rest.await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("running 1 test"));
}
