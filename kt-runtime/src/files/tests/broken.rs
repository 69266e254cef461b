//! Copies that break off, go on, or go wrong.

use std::{fs, path::Path, thread};

use bytes::Bytes;

use super::{Told, copy_all, folder, names, noise, write};
use crate::{
    files::{
        Copied, Side, Stopped,
        partial::name_of,
        peer::{Peer, Piece, pair},
        receive,
    },
    wire::files::{Entry, FromReceiver, FromSender, Have, Kind, Plan, Time, Why},
};

/// A sender by hand, that has offered one file.
struct Hand {
    peer: Peer<FromReceiver, FromSender>,
    receiving: thread::JoinHandle<(Copied, Told)>,
}

impl Hand {
    /// Offers a file that takes so much, as `file` in a folder.
    fn offer(target: &Path, size: u64) -> (Self, FromReceiver) {
        let (mut peer, far): (Peer<FromReceiver, FromSender>, _) = pair();
        let target = target.to_owned();
        let receiving = thread::spawn(move || {
            let mut told = Told::default();
            (receive(&target, far, &mut told), told)
        });
        let plan = Plan {
            names: vec!["file".into()],
            entries: 1,
            bytes: size,
            allocated: size,
            ..Plan::default()
        };
        peer.say(FromSender::Plan(plan)).unwrap();
        let mut answer = peer.message().unwrap();
        if matches!(answer, FromReceiver::Ready(_)) {
            let entry = Entry {
                path: "file".into(),
                kind: Kind::File {
                    size,
                    allocated: size,
                },
                mode: 0o644,
                modified: Time {
                    seconds: 0,
                    nanoseconds: 0,
                },
            };
            peer.say(FromSender::Entry(entry)).unwrap();
            answer = peer.message().unwrap();
        }
        (Self { peer, receiving }, answer)
    }

    fn send(&mut self, from: u64, bytes: &[u8]) {
        self.peer.say(FromSender::Contents { from }).unwrap();
        for piece in bytes.chunks(1000) {
            let length = piece.len() as u32;
            self.peer.say(FromSender::Bytes { length }).unwrap();
            self.peer
                .pass(Piece::Bytes(Bytes::copy_from_slice(piece)))
                .unwrap();
        }
    }

    /// Is gone. What the receiver makes of it.
    fn leave(self) -> (Copied, Told) {
        drop(self.peer);
        self.receiving.join().unwrap()
    }
}

#[test]
fn a_copy_that_broke_off_goes_on_where_it_was() {
    let (from, to) = (folder(), folder());
    let contents = noise(100_000);
    write(&from.path().join("file"), &contents);
    let (mut hand, answer) = Hand::offer(to.path(), 100_000);
    assert_eq!(answer, FromReceiver::Want(None));
    hand.send(0, &contents[..60_000]);
    assert_eq!(hand.leave().0, Err(Stopped::Gone));
    // Nothing is at its place, and what arrived lies beside it.
    assert_eq!(
        names(to.path()),
        [name_of("file".as_ref()).to_str().unwrap()]
    );
    let told = copy_all(&[&from.path().join("file")], to.path());
    assert_eq!(told.carried, 40_000);
    assert_eq!(names(to.path()), ["file"]);
    assert!(fs::read(to.path().join("file")).unwrap() == contents);
}

#[test]
fn what_is_there_of_a_file_is_not_trusted() {
    let (from, to) = (folder(), folder());
    let contents = noise(100_000);
    write(&from.path().join("file"), &contents);
    let mut damaged = contents[..60_000].to_vec();
    damaged[30_000] ^= 1;
    let longer = [&contents[..], b"more"].concat();
    for (left, carried) in [(damaged, 100_000), (longer, 0)] {
        write(&to.path().join(name_of("file".as_ref())), left);
        let told = copy_all(&[&from.path().join("file")], to.path());
        assert_eq!(told.carried, carried);
        assert!(fs::read(to.path().join("file")).unwrap() == contents);
        fs::remove_file(to.path().join("file")).unwrap();
    }
    // Nor is a file of the same length and time.
    let mut other = contents.clone();
    other[99_999] ^= 1;
    write(&to.path().join("file"), other);
    assert_eq!(
        copy_all(&[&from.path().join("file")], to.path()).carried,
        100_000
    );
    assert!(fs::read(to.path().join("file")).unwrap() == contents);
}

#[test]
fn bytes_that_changed_on_their_way_do_not_arrive() {
    let to = folder();
    write(&to.path().join("file"), "former");
    let contents = noise(5000);
    let (mut hand, _) = Hand::offer(to.path(), 5000);
    let hash = *blake3::hash(&contents).as_bytes();
    let mut other = contents.clone();
    other[4999] ^= 1;
    hand.send(0, &other);
    let changed = false;
    hand.peer.say(FromSender::End { hash, changed }).unwrap();
    match hand.peer.message().unwrap() {
        FromReceiver::Lost(problem) => assert_eq!(problem.why, Why::WrongHash),
        other => panic!("{other:?}"),
    }
    let (_, told) = hand.leave();
    assert_eq!(told.whys(), [Why::WrongHash]);
    assert_eq!(names(to.path()), ["file"]);
    assert_eq!(
        fs::read_to_string(to.path().join("file")).unwrap(),
        "former"
    );
}

#[test]
fn a_file_that_its_sender_cannot_read_to_the_end_does_not_arrive() {
    let to = folder();
    let (mut hand, _) = Hand::offer(to.path(), 5000);
    hand.send(0, &noise(1000));
    let problem = crate::wire::files::Problem {
        path: "/from/file".into(),
        why: Why::Shorter,
    };
    hand.peer.say(FromSender::Cut(problem.clone())).unwrap();
    assert_eq!(hand.peer.message(), Ok(FromReceiver::Lost(problem)));
    let (_, told) = hand.leave();
    assert_eq!(
        told.problems,
        [(Side::Source, "/from/file".into(), Why::Shorter)]
    );
    assert_eq!(names(to.path()), Vec::<String>::new());
}

#[test]
fn a_receiver_takes_no_more_than_was_announced() {
    for (from, bytes) in [(0, noise(5001)), (7, noise(10))] {
        let to = folder();
        let (mut hand, answer) = Hand::offer(to.path(), 5000);
        assert_eq!(answer, FromReceiver::Want(None));
        hand.peer.say(FromSender::Contents { from }).unwrap();
        let length = bytes.len() as u32;
        let _ = hand.peer.say(FromSender::Bytes { length });
        let _ = hand.peer.pass(Piece::Bytes(bytes.into()));
        assert_eq!(hand.receiving.join().unwrap().0, Err(Stopped::Protocol));
        assert!(!to.path().join("file").exists());
    }
}

#[test]
fn two_copies_to_one_place_do_not_mix() {
    let to = folder();
    let (mut one, _) = Hand::offer(to.path(), 5000);
    one.send(0, &noise(1000));
    let (other, answer) = Hand::offer(to.path(), 5000);
    match answer {
        FromReceiver::Refuse(Some(problem)) => assert_eq!(problem.why, Why::Busy),
        other => panic!("{other:?}"),
    }
    assert_eq!(other.leave().0, Err(Stopped::Gone));
    assert_eq!(one.leave().0, Err(Stopped::Gone));
    let (last, answer) = Hand::offer(to.path(), 5000);
    let hash = *blake3::hash(&noise(1000)).as_bytes();
    let length = 1000;
    assert_eq!(answer, FromReceiver::Want(Some(Have { length, hash })));
    assert_eq!(last.leave().0, Err(Stopped::Gone));
}

#[test]
fn more_than_the_disk_has_is_refused_before_a_byte_is_sent() {
    let to = folder();
    let (hand, answer) = Hand::offer(to.path(), 1 << 60);
    match answer {
        FromReceiver::Refused(problem) => match problem.why {
            Why::NoRoom { needed, available } => {
                assert!(needed == 1 << 60 && available < needed);
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert!(matches!(hand.leave().0, Err(Stopped::Refused(_))));
    assert_eq!(names(to.path()), Vec::<String>::new());
}
