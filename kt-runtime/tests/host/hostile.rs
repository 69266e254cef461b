//! Bytes that no client of kt sends.

use kt::wire::{client, control::path, preamble::Purpose};

use crate::service::{Service, with_timeout};

#[tokio::test]
async fn a_length_without_its_bytes_is_refused_and_the_host_keeps_running() {
    let service = Service::start();
    let control = service.control().await;
    // The length of a string of 2^40 bytes without its bytes, after each possible variant index.
    let length = [253, 0, 0, 0, 0, 0, 1, 0, 0];
    for path in [path::STATE, path::SWAP, path::LOGS, path::MISSING] {
        for variant in 0..12 {
            for before in [&[][..], &[variant], &[variant, 1], &[variant, 0, 1]] {
                let body = [before, &length[..]].concat();
                let response = with_timeout(control.request(client::post(path), body.into())).await;
                assert_eq!(response.unwrap().status(), 400, "{path} {before:?}");
            }
        }
    }
    let hello = service.call_on(Purpose::Control, b"").await;
    assert!(hello.is_ok(), "the host keeps running");
}
