//! Bytes that no client of kt sends.

use kt::wire::{client, control::path, preamble::Purpose};

use crate::service::{Service, soon};

#[tokio::test]
async fn a_length_without_its_bytes_is_refused_and_the_host_lives() {
    let service = Service::start();
    let control = service.control().await;
    // A text of 2^40 bytes and none of them, behind the number of each variant that there may be.
    let length = [253, 0, 0, 0, 0, 0, 1, 0, 0];
    for path in [path::STATE, path::SWAP, path::LOGS, path::MISSING] {
        for variant in 0..12 {
            for before in [&[][..], &[variant], &[variant, 1], &[variant, 0, 1]] {
                let body = [before, &length[..]].concat();
                let response = soon(control.request(client::post(path), body.into())).await;
                assert_eq!(response.unwrap().status(), 400, "{path} {before:?}");
            }
        }
    }
    let hello = service.call_on(Purpose::Control, b"").await;
    assert!(hello.is_ok(), "the host lives");
}
