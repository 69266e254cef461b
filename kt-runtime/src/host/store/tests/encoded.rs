//! Objects that are uploaded compressed or as patches.

use std::{collections::HashSet, fs};

use zstd::zstd_safe::{CCtx, CParameter, compress_bound};

use super::{files, id, put};
use crate::{
    host::store::{Store, StoreError},
    sys::scratch::Scratch,
    wire::{
        ObjectId, limits,
        upload::{Encoding, Head},
    },
};

/// Deterministic pseudo-random numbers (xorshift, Marsaglia 2003).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// Bytes that compress somewhat, like code.
    pub fn object(&mut self, length: usize) -> Vec<u8> {
        let mut object: Vec<u8> = Vec::with_capacity(length);
        while object.len() < length {
            if object.len() > 64 && self.below(2) == 0 {
                let from = self.below(object.len() - 32);
                object.extend_from_within(from..from + 32);
            } else {
                object.extend((0..24).map(|_| self.below(256) as u8));
            }
        }
        object.truncate(length);
        object
    }

    /// Some bytes changed, added and removed.
    pub fn edit(&mut self, object: &[u8]) -> Vec<u8> {
        let mut edited = object.to_vec();
        for _ in 0..=self.below(20) {
            let at = self.below(edited.len());
            let end = edited.len().min(at + self.below(300));
            let new = self.below(300);
            let new = self.object(new);
            edited.splice(at..end, new);
        }
        edited.push(0);
        edited
    }
}

fn encode(reference: &[u8], object: &[u8], window_log: Option<u32>) -> Vec<u8> {
    let mut context = CCtx::create();
    if let Some(log) = window_log {
        context.set_parameter(CParameter::WindowLog(log)).unwrap();
    }
    context.ref_prefix(reference).unwrap();
    let mut encoded = Vec::with_capacity(compress_bound(object.len()));
    context.compress2(&mut encoded, object).unwrap();
    encoded
}

/// The head of an object that is compressed on its own.
pub fn compressed(length: usize) -> Head {
    Head {
        encoding: Encoding::Zstd {
            recipe: "test".to_owned(),
        },
        length: Some(length as u64),
        offset: 0,
    }
}

pub fn patched(reference: ObjectId, length: usize) -> Head {
    Head {
        encoding: Encoding::Patch {
            reference,
            recipe: "test".to_owned(),
        },
        ..compressed(length)
    }
}

pub fn compress(object: &[u8]) -> Vec<u8> {
    encode(&[], object, None)
}

pub fn patch(reference: &[u8], object: &[u8]) -> Vec<u8> {
    encode(reference, object, Some(22))
}

fn send(store: &Store, id: ObjectId, head: &Head, bytes: &[u8]) -> Result<(), StoreError> {
    let mut upload = store.upload(id, head)?;
    upload.write(bytes)?;
    upload.finish()
}

pub fn stored(store: &Store, id: ObjectId) -> Option<Vec<u8>> {
    fs::read(store.path(id)).ok()
}

#[test]
fn a_patch_of_any_edit_reproduces_the_edited_object() {
    let directory = Scratch::new("store-patches");
    let store = Store::open(directory.path()).unwrap();
    let mut numbers = Numbers::new(0x5eed);
    let mut former = numbers.object(200_000);
    put(&store, &former);
    for round in 0..60 {
        let object = numbers.edit(&former);
        let patch = patch(&former, &object);
        let head = patched(id(&former), object.len());
        let mut upload = store.upload(id(&object), &head).unwrap();
        let mut rest = &patch[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + numbers.below(rest.len()));
            upload.write(piece).unwrap();
            rest = after;
        }
        upload.finish().unwrap();
        assert_eq!(stored(&store, id(&object)), Some(object.clone()), "{round}");
        assert!(patch.len() < object.len() / 4, "{round}: {}", patch.len());
        former = object;
    }
    // Only objects, and no temporary files.
    assert_eq!(files(&store), 61);
}

#[test]
fn a_compressed_object_is_decoded_from_any_pieces() {
    let directory = Scratch::new("store-compressed");
    let store = Store::open(directory.path()).unwrap();
    let mut numbers = Numbers::new(7);
    for length in [0, 1, 100, 128 << 10, 256 << 10, (256 << 10) + 1, 3 << 20] {
        let object = numbers.object(length);
        let encoded = compress(&object);
        let mut upload = store.upload(id(&object), &compressed(length)).unwrap();
        let mut rest = &encoded[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + numbers.below(rest.len().min(100_000)));
            upload.write(piece).unwrap();
            rest = after;
        }
        upload.finish().unwrap();
        assert_eq!(stored(&store, id(&object)), Some(object), "{length}");
    }
}

#[test]
fn a_patch_of_a_missing_object_is_refused() {
    let directory = Scratch::new("store-no-reference");
    let store = Store::open(directory.path()).unwrap();
    let refused = send(&store, id(b"new"), &patched(id(b"old"), 3), b"patch");
    assert!(matches!(refused, Err(StoreError::NoReference(old)) if old == id(b"old")));
    assert_eq!(files(&store), 0);
}

#[test]
fn a_damaged_stream_is_refused_and_leaves_nothing() {
    let directory = Scratch::new("store-damaged");
    let store = Store::open(directory.path()).unwrap();
    let mut numbers = Numbers::new(99);
    let former = numbers.object(100_000);
    let object = numbers.edit(&former);
    put(&store, &former);
    let length = object.len();
    for (head, good) in [
        (patched(id(&former), length), patch(&former, &object)),
        (compressed(length), compress(&object)),
    ] {
        for round in 0..200 {
            let mut bad = good.clone();
            match round % 3 {
                0 => bad.truncate(numbers.below(bad.len())),
                1 => bad.extend([0; 9]),
                _ => {
                    let at = numbers.below(bad.len());
                    bad[at] ^= 1 << numbers.below(8);
                }
            }
            // zstd only checks the format: many of these decode to another object.
            let refused = send(&store, id(&object), &head, &bad);
            let Err(error) = refused else {
                // A bit without meaning.
                assert_eq!(stored(&store, id(&object)).as_ref(), Some(&object));
                fs::remove_file(store.path(id(&object))).unwrap();
                continue;
            };
            assert!(error.refused().is_some(), "{error}");
            assert_eq!(files(&store), 1, "{error}");
        }
    }
    // Another object than the patch's reference.
    let other = put(&store, &numbers.object(100_000));
    let patch = patch(&former, &object);
    assert!(send(&store, id(&object), &patched(other, length), &patch).is_err());
    assert_eq!(files(&store), 2);
}

#[test]
fn decoding_stops_at_the_announced_length() {
    let directory = Scratch::new("store-bomb");
    let store = Store::open(directory.path()).unwrap();
    let zeros = vec![0; 200 << 20];
    let bomb = compress(&zeros);
    assert!(bomb.len() < 64 << 10);
    let reference = put(&store, b"reference");
    for head in [compressed(1000), patched(reference, 1000)] {
        let refused = send(&store, id(&zeros), &head, &bomb);
        let message = refused.unwrap_err().to_string();
        let bounded =
            message.starts_with("1000 bytes were announced") || message.contains("too small");
        assert!(bounded, "{message}");
    }
    // A shorter object is refused too.
    let short = compress(&[1; 500]);
    let refused = send(&store, id(&[1; 500]), &compressed(1000), &short);
    assert!(matches!(
        refused,
        Err(StoreError::WrongLength {
            announced: 1000,
            found: 500
        })
    ));
    let long = send(&store, id(b"x"), &compressed(10), &[0; 5000]);
    assert!(matches!(
        long,
        Err(StoreError::WrongLength { .. } | StoreError::Undecodable(_))
    ));
    assert_eq!(files(&store), 1);
}

#[test]
fn memory_use_of_the_host_is_bounded() {
    let directory = Scratch::new("store-memory");
    let store = Store::open(directory.path()).unwrap();
    let object = vec![3; 32 << 20];
    let window = encode(&[], &object, Some(limits::WINDOW_LOG + 1));
    let refused = send(&store, id(&object), &compressed(object.len()), &window);
    assert!(
        matches!(refused, Err(StoreError::Undecodable(_))),
        "{refused:?}"
    );
    let length = limits::PATCHED as usize + 1;
    let refused = store.upload(id(b"x"), &patched(put(&store, b"y"), length));
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    // A sparse file takes no disk space.
    let large = id(b"large");
    let file = fs::File::create(store.path(large)).unwrap();
    file.set_len(limits::PATCHED + 1).unwrap();
    let refused = store.upload(id(b"x"), &patched(large, 1));
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
}

#[test]
fn the_reference_of_a_patch_may_be_removed_during_the_upload() {
    let directory = Scratch::new("store-pruned");
    let store = Store::open(directory.path()).unwrap();
    let mut numbers = Numbers::new(5);
    let former = numbers.object(50_000);
    let object = numbers.edit(&former);
    put(&store, &former);
    store.wanted().clear();
    let head = patched(id(&former), object.len());
    let mut upload = store.upload(id(&object), &head).unwrap();
    store.prune(&HashSet::new());
    assert_eq!(stored(&store, id(&former)), None);
    upload.write(&patch(&former, &object)).unwrap();
    upload.finish().unwrap();
    assert_eq!(stored(&store, id(&object)), Some(object));
}
