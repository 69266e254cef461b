//! Interrupted, resumed and failing copies.

use std::{fs, path::Path, thread};

use bytes::Bytes;

use super::{Events, copy_all, folder, names, noise, write};
use crate::{
    files::{
        Copied, Side, Stopped,
        partial::name_of,
        peer::{Peer, Piece, pair},
        receive,
    },
    wire::files::{Entry, FromReceiver, FromSender, Have, Kind, Plan, Time, Why},
};

/// A scripted sender that has offered one file.
struct ScriptedSender {
    peer: Peer<FromReceiver, FromSender>,
    receiving: thread::JoinHandle<(Copied, Events)>,
}

impl ScriptedSender {
    /// Offers a file of this size, as `file` in a folder.
    fn offer(target: &Path, size: u64) -> (Self, FromReceiver) {
        let (mut peer, far): (Peer<FromReceiver, FromSender>, _) = pair();
        let target = target.to_owned();
        let receiving = thread::spawn(move || {
            let mut events = Events::default();
            (receive(&target, far, &mut events), events)
        });
        let plan = Plan {
            names: vec!["file".into()],
            entries: 1,
            bytes: size,
            allocated: size,
            ..Plan::default()
        };
        peer.send(FromSender::Plan(plan)).unwrap();
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
            peer.send(FromSender::Entry(entry)).unwrap();
            answer = peer.message().unwrap();
        }
        (Self { peer, receiving }, answer)
    }

    fn send(&mut self, from: u64, bytes: &[u8]) {
        self.peer.send(FromSender::Contents { from }).unwrap();
        for piece in bytes.chunks(1000) {
            let length = piece.len() as u32;
            self.peer.send(FromSender::Bytes { length }).unwrap();
            self.peer
                .pass(Piece::Bytes(Bytes::copy_from_slice(piece)))
                .unwrap();
        }
    }

    /// Disconnects, and returns the receiver's result.
    fn leave(self) -> (Copied, Events) {
        drop(self.peer);
        self.receiving.join().unwrap()
    }
}

#[test]
fn an_interrupted_copy_resumes() {
    let (from, to) = (folder(), folder());
    let contents = noise(100_000);
    write(&from.path().join("file"), &contents);
    let (mut sender, answer) = ScriptedSender::offer(to.path(), 100_000);
    assert_eq!(answer, FromReceiver::Want(None));
    sender.send(0, &contents[..60_000]);
    assert_eq!(sender.leave().0, Err(Stopped::Disconnected));
    // The target does not exist yet, and the partial file is next to it.
    assert_eq!(
        names(to.path()),
        [name_of("file".as_ref()).to_str().unwrap()]
    );
    let events = copy_all(&[&from.path().join("file")], to.path());
    assert_eq!(events.carried, 40_000);
    assert_eq!(names(to.path()), ["file"]);
    assert!(fs::read(to.path().join("file")).unwrap() == contents);
}

#[test]
fn existing_data_is_verified() {
    let (from, to) = (folder(), folder());
    let contents = noise(100_000);
    write(&from.path().join("file"), &contents);
    let mut damaged = contents[..60_000].to_vec();
    damaged[30_000] ^= 1;
    let longer = [&contents[..], b"more"].concat();
    for (left, carried) in [(damaged, 100_000), (longer, 0)] {
        write(&to.path().join(name_of("file".as_ref())), left);
        let events = copy_all(&[&from.path().join("file")], to.path());
        assert_eq!(events.carried, carried);
        assert!(fs::read(to.path().join("file")).unwrap() == contents);
        fs::remove_file(to.path().join("file")).unwrap();
    }
    // A file of the same length and time is verified too.
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
fn corrupted_bytes_are_refused() {
    let to = folder();
    write(&to.path().join("file"), "former");
    let contents = noise(5000);
    let (mut sender, _) = ScriptedSender::offer(to.path(), 5000);
    let hash = *blake3::hash(&contents).as_bytes();
    let mut other = contents.clone();
    other[4999] ^= 1;
    sender.send(0, &other);
    let changed = false;
    sender.peer.send(FromSender::End { hash, changed }).unwrap();
    match sender.peer.message().unwrap() {
        FromReceiver::Lost(problem) => assert_eq!(problem.why, Why::WrongHash),
        other => panic!("{other:?}"),
    }
    let (_, events) = sender.leave();
    assert_eq!(events.whys(), [Why::WrongHash]);
    assert_eq!(names(to.path()), ["file"]);
    assert_eq!(
        fs::read_to_string(to.path().join("file")).unwrap(),
        "former"
    );
}

#[test]
fn a_file_that_cannot_be_read_completely_does_not_arrive() {
    let to = folder();
    let (mut sender, _) = ScriptedSender::offer(to.path(), 5000);
    sender.send(0, &noise(1000));
    let problem = crate::wire::files::Problem {
        path: "/from/file".into(),
        why: Why::Shorter,
    };
    sender.peer.send(FromSender::Cut(problem.clone())).unwrap();
    assert_eq!(sender.peer.message(), Ok(FromReceiver::Lost(problem)));
    let (_, events) = sender.leave();
    assert_eq!(
        events.problems,
        [(Side::Source, "/from/file".into(), Why::Shorter)]
    );
    assert_eq!(names(to.path()), Vec::<String>::new());
}

#[test]
fn a_receiver_accepts_no_more_than_was_announced() {
    for (from, bytes) in [(0, noise(5001)), (7, noise(10))] {
        let to = folder();
        let (mut sender, answer) = ScriptedSender::offer(to.path(), 5000);
        assert_eq!(answer, FromReceiver::Want(None));
        sender.peer.send(FromSender::Contents { from }).unwrap();
        let length = bytes.len() as u32;
        let _ = sender.peer.send(FromSender::Bytes { length });
        let _ = sender.peer.pass(Piece::Bytes(bytes.into()));
        assert_eq!(sender.receiving.join().unwrap().0, Err(Stopped::Protocol));
        assert!(!to.path().join("file").exists());
    }
}

#[test]
fn concurrent_copies_to_one_target_do_not_mix() {
    let to = folder();
    let (mut one, _) = ScriptedSender::offer(to.path(), 5000);
    one.send(0, &noise(1000));
    let (other, answer) = ScriptedSender::offer(to.path(), 5000);
    match answer {
        FromReceiver::Refuse(Some(problem)) => assert_eq!(problem.why, Why::Busy),
        other => panic!("{other:?}"),
    }
    assert_eq!(other.leave().0, Err(Stopped::Disconnected));
    assert_eq!(one.leave().0, Err(Stopped::Disconnected));
    let (last, answer) = ScriptedSender::offer(to.path(), 5000);
    let hash = *blake3::hash(&noise(1000)).as_bytes();
    let length = 1000;
    assert_eq!(answer, FromReceiver::Want(Some(Have { length, hash })));
    assert_eq!(last.leave().0, Err(Stopped::Disconnected));
}

#[test]
fn a_file_larger_than_the_disk_is_refused_before_sending() {
    let to = folder();
    let (sender, answer) = ScriptedSender::offer(to.path(), 1 << 60);
    match answer {
        FromReceiver::Refused(problem) => match problem.why {
            Why::NoRoom { needed, available } => {
                assert!(needed == 1 << 60 && available < needed);
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert!(matches!(sender.leave().0, Err(Stopped::Refused(_))));
    assert_eq!(names(to.path()), Vec::<String>::new());
}
