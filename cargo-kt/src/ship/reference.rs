//! Objects of the service that patches may refer to: those that the new ones replace.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use kt::wire::{
    ObjectId,
    manifest::{Manifest, Object},
};

use crate::link;

/// An object that a patch may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub id: ObjectId,
    /// Its file on this machine. Whether the file is unchanged is checked when it is read.
    pub path: Utf8PathBuf,
}

/// The reference of each object to be sent.
pub type References = HashMap<ObjectId, Reference>;

/// The references of a manifest's objects in `former`, the one that serves: a crate's object refers
/// to the object of the same crate, a layer to the one at its index. Only objects that *link* still
/// has in the kt directory count. Reads no file.
pub fn references(former: Option<&Manifest>, manifest: &Manifest, warm: &Utf8Path) -> References {
    let Some(former) = former else {
        return References::new();
    };
    let layers = |manifest: &Manifest| {
        let first = std::iter::once(&manifest.worker.base);
        let layers = first.chain(&manifest.layers);
        layers.map(|layer| layer.object.clone()).collect::<Vec<_>>()
    };
    let (new, old) = (layers(manifest), layers(former));
    let layers = new.iter().zip(&old);
    let crates = manifest.crates.iter().filter_map(|krate| {
        let mut before = former.crates.iter();
        let same =
            before.find(|it| (&it.package, &it.crate_name) == (&krate.package, &krate.crate_name));
        Some((&krate.object, &same?.object))
    });
    let changed = layers
        .chain(crates)
        .filter(|(new, old): &(&Object, &Object)| new.id != old.id);
    changed
        .filter_map(|(new, old)| {
            let path = link::kept(warm, &old.name)?;
            Some((new.id, Reference { id: old.id, path }))
        })
        .collect()
}
