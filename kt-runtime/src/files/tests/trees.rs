//! A copy equals its source.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

use super::{copy, copy_all, folder, names, noise, write};
use crate::wire::files::{PIECE, Summary, Why};

#[test]
fn files_folders_links_permissions_and_times_arrive() {
    let (from, to) = (folder(), folder());
    let source = from.path().join("tree");
    write(&source.join("a/large"), noise(3 * PIECE + 17));
    write(&source.join("a/empty"), "");
    write(&source.join("b/c/deep"), "deep");
    fs::create_dir(source.join("none")).unwrap();
    symlink("a/large", source.join("link")).unwrap();
    symlink("/no/such", source.join("dangling")).unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    for (path, mode) in [("a/large", 0o750), ("b/c", 0o555), ("a/empty", 0o400)] {
        let path = source.join(path);
        File::open(&path).unwrap().set_modified(modified).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    let events = copy_all(&[&source], to.path());
    assert_eq!(events.arrived.len(), 3);
    let target = to.path().join("tree");
    assert_same(&source, &target);
    assert_eq!(
        fs::metadata(target.join("a/large"))
            .unwrap()
            .modified()
            .unwrap(),
        modified
    );
    // Copying again transfers nothing.
    let repeated = copy_all(&[&source], to.path());
    assert_eq!((repeated.carried, repeated.arrived.len()), (0, 3));
    assert_same(&source, &target);
}

/// Compares contents, kinds, permissions, times of files and folders, and names.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let (first, second) = (
        fs::symlink_metadata(one).unwrap(),
        fs::symlink_metadata(other).unwrap(),
    );
    let facts = |it: &fs::Metadata| (it.mode(), it.mtime(), it.mtime_nsec());
    assert_eq!(facts(&first), facts(&second), "{}", one.display());
    if first.is_symlink() {
        assert_eq!(fs::read_link(one).unwrap(), fs::read_link(other).unwrap());
    } else if first.is_dir() {
        assert_eq!(names(one), names(other));
        for name in names(one) {
            assert_same(&one.join(&name), &other.join(&name));
        }
    } else {
        assert!(
            fs::read(one).unwrap() == fs::read(other).unwrap(),
            "{}",
            one.display()
        );
    }
}

#[test]
fn a_thousand_files_arrive_in_more_than_one_window() {
    let (from, to) = (folder(), folder());
    for number in 0..1000 {
        write(
            &from.path().join(format!("many/{}/{number}", number % 7)),
            noise(number),
        );
    }
    let events = copy_all(&[&from.path().join("many")], to.path());
    assert_eq!(events.arrived.len(), 1000);
    assert_same(&from.path().join("many"), &to.path().join("many"));
}

#[test]
fn holes_arrive_as_holes() {
    let (from, to) = (folder(), folder());
    let source = from.path().join("sparse");
    let file = File::create(&source).unwrap();
    file.write_all_at(b"middle", 10 << 20).unwrap();
    file.write_all_at(b"end", 40 << 20).unwrap();
    file.set_len(64 << 20).unwrap();
    let events = copy_all(&[&source], to.path());
    let target = to.path().join("sparse");
    let data = fs::metadata(&target).unwrap();
    assert_eq!(data.len(), 64 << 20);
    assert!(data.blocks() * 512 < 1 << 20, "{} blocks", data.blocks());
    assert!(events.carried < 1 << 20, "{} bytes", events.carried);
    assert!(fs::read(&source).unwrap() == fs::read(&target).unwrap());
}

#[test]
fn special_files_are_reported_and_the_rest_arrives() {
    let (from, to) = (folder(), folder());
    let source = from.path().join("tree");
    write(&source.join("file"), "contents");
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).unwrap();
    let (copied, events) = copy(&[&source], to.path());
    let expected = Summary {
        files: 1,
        folders: 1,
        bytes: 8,
        ..Summary::default()
    };
    assert_eq!(copied, Ok(expected));
    assert_eq!(events.whys(), [Why::Special("socket".to_owned())]);
    assert_eq!(events.problems[0].1, source.join("socket"));
    assert_eq!(names(&to.path().join("tree")), ["file"]);
}

#[test]
fn a_folder_is_not_copied_into_itself() {
    let from = folder();
    let source = from.path().join("tree");
    write(&source.join("a/file"), "contents");
    let (copied, events) = copy(&[&source], &source.join("a"));
    assert!(copied.is_ok());
    assert_eq!(events.whys(), [Why::IntoItself]);
    assert_eq!(names(&source.join("a/tree")), Vec::<String>::new());
}

#[test]
fn a_file_may_be_copied_onto_itself() {
    let from = folder();
    let source = from.path().join("file");
    write(&source, "contents");
    let events = copy_all(&[&source], from.path());
    assert_eq!(events.carried, 0);
    assert_eq!(fs::read_to_string(&source).unwrap(), "contents");
    assert_eq!(names(from.path()), ["file"]);
}
