//! Interpretation and refusal of targets.

use std::{fs, os::unix::fs::symlink, path::Path, thread};

use super::{Events, copy, copy_all, folder, names, write};
use crate::{
    files::{
        Side, Stopped,
        peer::{Peer, pair},
        receive,
    },
    wire::files::{Entry, FromReceiver, FromSender, Kind, Plan, Summary, Time, Why},
};

#[test]
fn a_target_is_a_name_or_a_folder_like_for_cp() {
    let (from, to) = (folder(), folder());
    let (from, to) = (from.path(), to.path());
    write(&from.join("file"), "file");
    write(&from.join("tree/inner"), "inner");
    copy_all(&[&from.join("file")], to);
    copy_all(&[&from.join("file")], &to.join("named"));
    copy_all(&[&from.join("tree")], &to.join("new"));
    copy_all(&[&from.join("tree")], &to.join("slash/"));
    copy_all(&[&from.join("tree")], &to.join("new"));
    copy_all(&[&from.join("file"), &from.join("tree")], &to.join("slash"));
    assert_eq!(names(to), ["file", "named", "new", "slash"]);
    assert_eq!(names(&to.join("new")), ["inner", "tree"]);
    assert_eq!(names(&to.join("slash")), ["file", "inner", "tree"]);
    assert_eq!(
        fs::read_to_string(to.join("slash/tree/inner")).unwrap(),
        "inner"
    );
    // A source without a name copies its contents.
    copy_all(&[&from.join("tree/..")], &to.join("all"));
    assert_eq!(names(&to.join("all")), ["file", "tree"]);
    copy_all(&[&from.join("tree/..")], &to.join("new"));
    assert_eq!(names(&to.join("new")), ["file", "inner", "tree"]);
}

#[test]
fn invalid_targets_are_refused_before_anything_is_sent() {
    let (from, to) = (folder(), folder());
    let (from, to) = (from.path(), to.path());
    write(&from.join("file"), "file");
    write(&from.join("tree/inner"), "inner");
    write(&to.join("there"), "there");
    let (file, tree) = (from.join("file"), from.join("tree"));
    for (sources, target, why) in [
        (&[&*file][..], "no/such", Why::NoParent),
        (&[&file], "no/", Why::NoFolder),
        (&[&file], "there/", Why::NotAFolder),
        (&[&file], "there/inner", Why::NotAFolder),
        (&[&tree], "there", Why::NotAFolder),
        (&[&file, &tree], "there", Why::NotAFolder),
        (&[&file, &tree], "new", Why::NoFolder),
    ] {
        let (copied, events) = copy(sources, &to.join(target));
        match copied {
            Err(Stopped::Refused(problem)) => assert_eq!(problem.why, why, "{target}"),
            other => panic!("{target}: {other:?}"),
        }
        assert_eq!(events.carried, 0);
    }
    assert_eq!(names(to), ["there"]);
    assert_eq!(fs::read_to_string(to.join("there")).unwrap(), "there");
}

#[test]
fn conflicts_in_a_folder_are_reported_and_the_rest_arrives() {
    let (from, to) = (folder(), folder());
    let outside = folder();
    let source = from.path().join("tree");
    for path in [
        "file",
        "link-to-folder/a",
        "is-file/a",
        "is-file/b",
        "ok",
        "z",
    ] {
        write(&source.join(path), path);
    }
    symlink("ok", source.join("is-folder-too")).unwrap();
    let target = to.path().join("tree");
    write(&target.join("is-file"), "there");
    write(&target.join("file/there"), "there");
    write(&target.join("is-folder-too/there"), "there");
    symlink(outside.path(), target.join("link-to-folder")).unwrap();
    // A symlink at the target of a file is replaced, and its own target stays.
    write(&outside.path().join("kept"), "kept");
    symlink(outside.path().join("kept"), target.join("z")).unwrap();
    let (copied, events) = copy(&[&source], to.path());
    assert_eq!(copied.map(|it| (it.files, it.folders)), Ok((2, 1)));
    let found: Vec<_> = events
        .problems
        .iter()
        .map(|(side, path, why)| {
            (
                *side,
                path.strip_prefix(&target).unwrap().to_str().unwrap(),
                why,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (Side::Target, "file", &Why::IsAFolder),
            (Side::Target, "is-file", &Why::NotAFolder),
            (Side::Target, "is-folder-too", &Why::IsAFolder),
            (Side::Target, "link-to-folder", &Why::LinkInTheWay),
        ]
    );
    assert_eq!(names(outside.path()), ["kept"]);
    assert_eq!(
        fs::read_to_string(outside.path().join("kept")).unwrap(),
        "kept"
    );
    assert_eq!(fs::read_to_string(target.join("z")).unwrap(), "z");
    assert_eq!(fs::read_to_string(target.join("is-file")).unwrap(), "there");
}

#[test]
fn a_missing_source_is_reported_and_the_others_arrive() {
    let (from, to) = (folder(), folder());
    write(&from.path().join("file"), "file");
    let missing = from.path().join("missing");
    let (copied, events) = copy(&[&missing, &from.path().join("file")], to.path());
    assert_eq!(copied.map(|it| it.files), Ok(1));
    assert_eq!(
        events.problems,
        [(Side::Source, missing.clone(), Why::Missing)]
    );
    // Without any source the target is not checked.
    let (copied, events) = copy(&[&missing], Path::new("/no/such/folder"));
    assert_eq!(copied, Ok(Summary::default()));
    assert_eq!(events.whys(), [Why::Missing]);
}

#[test]
fn sources_with_the_same_name_do_not_replace_each_other() {
    let (from, to) = (folder(), folder());
    let (one, other) = (from.path().join("a/file"), from.path().join("b/file"));
    write(&one, "one");
    write(&other, "other");
    let (copied, events) = copy(&[&one, &other], to.path());
    assert_eq!(copied.map(|it| it.files), Ok(1));
    assert_eq!(events.problems, [(Side::Source, other, Why::SameName)]);
    assert_eq!(fs::read_to_string(to.path().join("file")).unwrap(), "one");
}

/// The answers to entries from an untrusted sender.
fn answers(target: &Path, entries: Vec<Entry>) -> Vec<FromReceiver> {
    let (mut near, far): (Peer<FromReceiver, FromSender>, _) = pair();
    let target = target.to_owned();
    let receiving = thread::spawn(move || receive(&target, far, &mut Events::default()));
    let names = vec!["tree".into()];
    let folder = true;
    near.send(FromSender::Plan(Plan {
        names,
        folder,
        ..Plan::default()
    }))
    .unwrap();
    assert!(matches!(near.message(), Ok(FromReceiver::Ready(_))));
    let answer = |entry| {
        near.send(FromSender::Entry(entry)).unwrap();
        near.message().unwrap()
    };
    let answers = entries.into_iter().map(answer).collect();
    drop(near);
    assert_eq!(receiving.join().unwrap(), Err(Stopped::Disconnected));
    answers
}

fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.into(),
        kind,
        mode: 0o755,
        modified: Time {
            seconds: 0,
            nanoseconds: 0,
        },
    }
}

#[test]
fn no_sender_can_write_outside_of_the_target() {
    let (to, outside) = (folder(), folder());
    let file = || Kind::File {
        size: 1,
        allocated: 1,
    };
    let long = "x".repeat(256);
    for path in [
        "../x",
        "tree/../../x",
        "/etc/x",
        "",
        "tree//x",
        "tree/./x",
        "tree/\0",
        &*long,
        "..",
    ] {
        let answer = answers(to.path(), vec![entry(path, file())]);
        match &answer[0] {
            FromReceiver::Refuse(Some(problem)) => assert_eq!(problem.why, Why::BadPath, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
    // A symlink from the copy itself cannot be followed either.
    let link = Kind::Link {
        target: outside.path().into(),
    };
    let received = answers(
        to.path(),
        vec![
            entry("tree", Kind::Folder),
            entry("tree/link", link),
            entry("tree/link/file", file()),
            entry("tree/link", Kind::Folder),
        ],
    );
    assert_eq!(received[..2], [FromReceiver::Made, FromReceiver::Made]);
    for answer in &received[2..] {
        match answer {
            FromReceiver::Refuse(Some(problem)) => assert_eq!(problem.why, Why::LinkInTheWay),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(outside.path()), Vec::<String>::new());
}
