//! Tests of single requests. Tests with real clients check compatibility.

use std::fs;

use bytes::{Buf, Bytes, BytesMut};

use super::{
    answers::Server,
    packet::{self, Fields, Malformed, Packet},
};

/// A request without its length.
fn request(packet: Packet) -> Bytes {
    packet.finish().split_off(4)
}

/// The kind of an answer, and its fields after kind and id.
fn answered(server: &mut Server, packet: Packet) -> (u8, Fields) {
    let mut bytes = server.answer(request(packet)).expect("it has a number");
    let length = bytes.get_u32() as usize;
    assert_eq!(length, bytes.len());
    let mut fields = Fields(bytes);
    let kind = fields.byte().expect("it has a kind");
    assert_eq!(fields.number(), Ok(7));
    (kind, fields)
}

#[test]
fn a_rename_never_replaces_a_file_and_names_may_be_any_bytes() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut server = Server::new(folder.path().to_owned());
    fs::write(folder.path().join("one"), "one").expect("it can be written");
    fs::write(folder.path().join("two"), "two").expect("it can be written");
    let rename = |to: &[u8]| Packet::new(18).number(7).bytes(b"one").bytes(to);
    let (kind, mut status) = answered(&mut server, rename(b"two"));
    assert_eq!((kind, status.number()), (101, Ok(4)));
    let (kind, mut status) = answered(&mut server, rename(b"not \xff UTF-8"));
    assert_eq!((kind, status.number()), (101, Ok(0)));
    assert_eq!(
        fs::read_to_string(folder.path().join("two"))
            .ok()
            .as_deref(),
        Some("two")
    );
}

#[test]
fn invalid_requests_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut server = Server::new(folder.path().to_owned());
    for (packet, code) in [
        // An unknown handle, a handle of the wrong length, an unknown kind, and a string longer
        // than its packet.
        (Packet::new(5).number(7).bytes(&[0; 4]).long(0).number(1), 4),
        (Packet::new(4).number(7).bytes(b"x"), 4),
        (Packet::new(99).number(7), 8),
        (Packet::new(17).number(7).number(1000), 5),
        (Packet::new(17).number(7).bytes(b"missing"), 2),
        (Packet::new(200).number(7).bytes(b"other@example"), 8),
    ] {
        let (kind, mut status) = answered(&mut server, packet);
        assert_eq!((kind, status.number()), (101, Ok(code)));
    }
    assert_eq!(
        server.answer(Bytes::from_static(b"\x05\x00")),
        Err(Malformed)
    );
    for length in [0, packet::PACKET as u32 + 1, u32::MAX] {
        let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
        assert_eq!(packet::next(&mut buffer), Err(Malformed));
    }
}
