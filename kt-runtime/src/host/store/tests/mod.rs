mod encoded;
mod partials;

use std::{
    collections::HashSet,
    fs::{self, File},
};

use super::{
    Store, StoreError, WANTED,
    view::{NAME, check_name},
};
use crate::{
    sys::scratch::Scratch,
    wire::{
        ObjectId, limits,
        upload::{Encoding, Head},
    },
};

fn id(bytes: &[u8]) -> ObjectId {
    ObjectId(*blake3::hash(bytes).as_bytes())
}

fn uncompressed(length: Option<u64>) -> Head {
    Head {
        encoding: Encoding::Identity,
        length,
        offset: 0,
    }
}

fn put(store: &Store, bytes: &[u8]) -> ObjectId {
    let mut upload = store.upload(id(bytes), &uncompressed(None)).unwrap();
    upload.write(bytes).unwrap();
    upload.finish().unwrap();
    id(bytes)
}

fn files(store: &Store) -> usize {
    fs::read_dir(&store.objects).unwrap().count()
}

#[test]
fn an_object_with_a_wrong_hash_leaves_nothing() {
    let directory = Scratch::new("store-hash");
    let store = Store::open(directory.path()).unwrap();
    let mut upload = store.upload(id(b"right"), &uncompressed(None)).unwrap();
    upload.write(b"wrong").unwrap();
    assert!(matches!(upload.finish(), Err(StoreError::WrongHash { .. })));
    drop(store.upload(id(b"cut off"), &uncompressed(None)).unwrap());
    assert_eq!(store.missing([id(b"right")]), [id(b"right")]);
    assert_eq!(files(&store), 0);
}

#[test]
fn a_full_disk_is_reported_with_the_path_and_the_missing_bytes() {
    let directory = Scratch::new("store-full");
    let store = Store::open(directory.path()).unwrap();
    let mut upload = store.upload(id(b"x"), &uncompressed(Some(1000))).unwrap();
    upload.write(&[0; 400]).unwrap();
    upload.file = File::options().write(true).open("/dev/full").unwrap();
    let error = upload.write(&[0; 600]).unwrap_err().to_string();
    assert!(error.contains(store.objects.to_str().unwrap()), "{error}");
    assert!(error.contains("600 more bytes are needed"), "{error}");
    drop(upload);
    assert_eq!(files(&store), 0);
}

#[test]
fn objects_over_the_limit_are_refused_before_they_are_sent() {
    let directory = Scratch::new("store-large");
    let store = Store::open(directory.path()).unwrap();
    assert!(matches!(
        store.upload(id(b"x"), &uncompressed(Some(limits::OBJECT + 1))),
        Err(StoreError::TooLarge { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn pruning_spares_kept_objects_and_recent_requests() {
    let directory = Scratch::new("store-prune");
    let store = Store::open(directory.path()).unwrap();
    let (unused, kept) = (put(&store, b"unused"), put(&store, b"kept"));
    let there = |id: ObjectId| store.path(id).exists();
    for _ in 0..3 {
        store.prune(&HashSet::from([kept]));
        assert!(there(unused) && there(kept));
    }
    tokio::time::advance(WANTED).await;
    store.prune(&HashSet::from([kept]));
    assert!(!there(unused) && there(kept));
    // Once used, it is removed with the last generation that needs it.
    store.prune(&HashSet::new());
    assert!(!there(kept));
}

#[test]
fn objects_survive_a_host_and_half_uploads_do_not() {
    let directory = Scratch::new("store-reopen");
    let store = Store::open(directory.path()).unwrap();
    let whole = put(&store, b"whole");
    std::mem::forget(store.upload(id(b"half"), &uncompressed(None)).unwrap());
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.missing([whole]), []);
    assert_eq!(files(&store), 1);

    fs::write(directory.path().join("boot"), "another boot").unwrap();
    assert_eq!(
        Store::open(directory.path()).unwrap().missing([whole]),
        [whole]
    );
}

#[test]
fn a_damaged_object_is_not_linked_for_a_new_worker_and_counts_as_missing() {
    let directory = Scratch::new("store-damaged");
    let store = Store::open(directory.path()).unwrap();
    let (whole, damaged) = (put(&store, b"whole"), put(&store, b"damaged"));
    fs::write(store.path(damaged), b"demaged").unwrap();
    assert_eq!(store.missing([whole, damaged]), []);
    store.remove_damaged([whole, damaged]);
    assert_eq!(store.missing([whole, damaged]), [damaged]);

    fs::write(store.path(damaged), b"demaged").unwrap();
    let error = store.verify(damaged).unwrap_err().to_string();
    assert!(
        error.contains("was damaged") && error.contains("cargo kt run"),
        "{error}"
    );
}

#[test]
fn names_outside_the_directory_are_refused() {
    for name in ["", ".", "..", ".hidden", "a/b", "../x", "a\nb", "a\0b"] {
        assert!(check_name(name).is_err(), "{name:?}");
    }
    assert!(check_name(&"x".repeat(NAME + 1)).is_err());
    assert!(check_name("libkt-app-0123456789abcdef.so").is_ok());
}
