//! Interrupted and resumed uploads.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use super::{
    encoded::{Numbers, compress, compressed, patch, patched, stored},
    files, id, put, uncompressed,
};
use crate::{
    host::store::{
        Store, StoreError, WANTED,
        partial::{KEPT, WORTH},
    },
    sys::scratch::Scratch,
    wire::{
        ObjectId,
        upload::{Encoding, Head, Wanted},
    },
};

/// The received bytes of an upload.
fn there(store: &Store, id: ObjectId, head: &Head) -> Option<u64> {
    let wanted = Wanted {
        objects: vec![id],
        references: Vec::new(),
    };
    let missing = store.lacks(wanted);
    let mut partials = missing.objects.first()?.partials.iter();
    partials
        .find(|partial| partial.tag == head.tag())
        .map(|partial| partial.bytes)
}

fn break_off(store: &Store, id: ObjectId, head: &Head, bytes: &[u8]) {
    let mut upload = store.upload(id, head).unwrap();
    upload.write(bytes).unwrap();
}

/// An object, and all forms of its upload: heads with their streams.
fn forms(store: &Store, numbers: &mut Numbers) -> (Vec<u8>, [(Head, Vec<u8>); 3]) {
    let former = numbers.object(600_000);
    // Half of it is new, so that the patch is not too short.
    let object = [numbers.object(600_000), former[..300_000].to_vec()].concat();
    let reference = put(store, &former);
    let length = object.len();
    let forms = [
        (uncompressed(Some(length as u64)), object.clone()),
        (compressed(length), compress(&object)),
        (patched(reference, length), patch(&former, &object)),
    ];
    (object, forms)
}

#[test]
fn an_upload_resumes_after_any_number_of_interruptions() {
    let directory = Scratch::new("store-resume");
    let store = Store::open(directory.path()).unwrap();
    let mut numbers = Numbers::new(31);
    for round in 0..8 {
        let (object, forms) = forms(&store, &mut numbers);
        for (mut head, stream) in forms {
            let mut sent = 0;
            loop {
                head.offset = there(&store, id(&object), &head).unwrap_or(0);
                let rest = &stream[head.offset as usize..];
                let length = (WORTH as usize + numbers.below(200_000)).min(rest.len());
                sent += length;
                let mut upload = store.upload(id(&object), &head).unwrap();
                upload.write(&rest[..length]).unwrap();
                if length == rest.len() {
                    upload.finish().unwrap();
                    break;
                }
            }
            assert_eq!(sent, stream.len(), "{round}: {:?}", head.encoding);
            assert_eq!(stored(&store, id(&object)).as_ref(), Some(&object));
            fs::remove_file(store.path(id(&object))).unwrap();
        }
    }
    assert_eq!(files(&store), 8);
}

#[test]
fn another_stream_of_the_same_object_starts_from_scratch() {
    let directory = Scratch::new("store-other-stream");
    let store = Store::open(directory.path()).unwrap();
    let (object, [(plain, _), (head, stream), (patched, _)]) = forms(&store, &mut Numbers::new(8));
    break_off(&store, id(&object), &head, &stream[..100_000]);
    assert_eq!(there(&store, id(&object), &head), Some(100_000));
    let other = Head {
        encoding: Encoding::Zstd {
            recipe: "other".to_owned(),
        },
        ..head.clone()
    };
    for other in [other, plain, patched] {
        assert_eq!(there(&store, id(&object), &other), None);
        let refused = store.upload(id(&object), &Head { offset: 1, ..other });
        assert!(matches!(
            refused,
            Err(StoreError::NoPartial {
                offset: 1,
                there: 0
            })
        ));
    }
    assert_eq!(there(&store, id(&object), &head), Some(100_000));
}

#[test]
fn an_offset_past_the_received_bytes_is_refused() {
    let directory = Scratch::new("store-offset");
    let store = Store::open(directory.path()).unwrap();
    let (object, [_, (mut head, stream), _]) = forms(&store, &mut Numbers::new(3));
    break_off(&store, id(&object), &head, &stream[..100_000]);
    head.offset = 100_001;
    let refused = store.upload(id(&object), &head);
    let Err(StoreError::NoPartial { there: 100_000, .. }) = refused else {
        panic!("{refused:?}");
    };
    drop(refused);
    head.offset = 99_999;
    let mut upload = store.upload(id(&object), &head).unwrap();
    upload.write(&stream[99_999..]).unwrap();
    upload.finish().unwrap();
    assert_eq!(stored(&store, id(&object)), Some(object));
}

#[test]
fn concurrent_uploads_of_one_object_are_independent() {
    let directory = Scratch::new("store-two");
    let store = Store::open(directory.path()).unwrap();
    let (object, forms) = forms(&store, &mut Numbers::new(12));
    for (head, stream) in forms {
        let (mut one, mut two) = (
            store.upload(id(&object), &head).unwrap(),
            store.upload(id(&object), &head).unwrap(),
        );
        for piece in stream.chunks(70_000) {
            one.write(piece).unwrap();
            two.write(piece).unwrap();
        }
        // A file that is being written cannot be resumed.
        assert_eq!(there(&store, id(&object), &head), None);
        two.finish().unwrap();
        assert_eq!(stored(&store, id(&object)).as_ref(), Some(&object));
        one.finish().unwrap();
        assert_eq!(stored(&store, id(&object)).as_ref(), Some(&object));
        fs::remove_file(store.path(id(&object))).unwrap();

        // One upload resumes the partial file; for the other it is unavailable.
        break_off(&store, id(&object), &head, &stream[..80_000]);
        let rest = Head {
            offset: 80_000,
            ..head
        };
        let mut one = store.upload(id(&object), &rest).unwrap();
        let refused = store.upload(id(&object), &rest);
        assert!(matches!(refused, Err(StoreError::NoPartial { .. })));
        drop(refused);
        one.write(&stream[80_000..]).unwrap();
        one.finish().unwrap();
        fs::remove_file(store.path(id(&object))).unwrap();
    }
    assert_eq!(files(&store), 1);
}

#[test]
fn invalid_or_small_partial_uploads_are_not_kept() {
    let directory = Scratch::new("store-not-kept");
    let store = Store::open(directory.path()).unwrap();
    let (object, [(plain, _), (head, stream), _]) = forms(&store, &mut Numbers::new(4));
    break_off(&store, id(&object), &head, &stream[..WORTH as usize - 1]);
    let mut upload = store.upload(id(&object), &plain).unwrap();
    upload.write(&vec![1; 200_000]).unwrap();
    assert!(upload.finish().is_err());
    let mut upload = store.upload(id(&object), &head).unwrap();
    upload.write(&stream[..100_000]).unwrap();
    assert!(upload.write(&[0xff; 100_000]).is_err());
    drop(upload);
    assert_eq!(files(&store), 1);
}

#[test]
fn partial_uploads_are_limited_in_number_and_age() {
    let directory = Scratch::new("store-partials");
    let store = Store::open(directory.path()).unwrap();
    let object = vec![7; 100_000];
    let now = SystemTime::now();
    let heads: Vec<Head> = (0..KEPT as u64 + 3)
        .map(|more| uncompressed(Some(200_000 + more)))
        .collect();
    for (age, head) in heads.iter().enumerate() {
        break_off(&store, id(&object), head, &object);
        let claim = store.claim(id(&object), &head.tag()).unwrap();
        let modified = now - Duration::from_secs(age as u64);
        let file = fs::File::options().write(true).open(claim.path()).unwrap();
        file.set_modified(modified).unwrap();
    }
    let kept = |head: &Head| there(&store, id(&object), head).is_some();
    assert!(heads[..KEPT].iter().all(kept));
    assert!(!heads[KEPT..].iter().any(kept));
    let claim = store.claim(id(&object), &heads[0].tag()).unwrap();
    let file = fs::File::options().write(true).open(claim.path()).unwrap();
    file.set_modified(now - WANTED).unwrap();
    drop(claim);
    assert!(!kept(&heads[0]) && kept(&heads[1]));
}

#[test]
fn an_interrupted_upload_survives_its_host() {
    let directory = Scratch::new("store-reopened");
    let store = Store::open(directory.path()).unwrap();
    let (object, [_, (mut head, stream), _]) = forms(&store, &mut Numbers::new(21));
    let mut upload = store.upload(id(&object), &head).unwrap();
    upload.write(&stream[..100_000]).unwrap();
    // Killed: nothing is cleaned up.
    std::mem::forget(upload);
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    head.offset = there(&store, id(&object), &head).unwrap();
    assert_eq!(head.offset, 100_000);
    let mut upload = store.upload(id(&object), &head).unwrap();
    upload.write(&stream[100_000..]).unwrap();
    upload.finish().unwrap();
    assert_eq!(stored(&store, id(&object)), Some(object));
    assert_eq!(files(&store), 2);
}
