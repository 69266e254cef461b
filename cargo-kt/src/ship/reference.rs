//! Which objects that are there resemble those that are to be sent: the ones in whose place these come.

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
    /// Where its file lies here. That the file is still the same is found out when it is read.
    pub path: Utf8PathBuf,
}

/// For objects that are to be sent, what they can be patches of.
pub type References = HashMap<ObjectId, Reference>;

/// The references of a manifest's objects in `former`, the one that serves: a crate's object is a patch of the same crate's, a
/// layer of the layer in its place. Only what *link* still keeps under `warm` counts. Reads no file.
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
