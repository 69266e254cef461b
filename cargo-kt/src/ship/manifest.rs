//! The manifest: describes the linked objects to the service.

use kt::wire::{
    ObjectId, VERSION,
    manifest::{
        CrateObject, Environment, Layer, LayerCrate, Manifest, Object, StateEntry, WorkerFiles,
    },
};

use super::{Files, ShipError};
use crate::{
    artifacts::Compiled,
    layout::StateLayout,
    link::{CrateIdentity, ExistingLayer, Linked, LinkedFile, LinkedLayer, OwnLibraries},
};

/// The manifest of a linked program.
///
/// # Errors
/// If a hash is malformed: a cache of *link* was tampered with.
pub fn manifest(
    program: &str,
    compiled: &Compiled,
    linked: &Linked,
    layouts: &[StateLayout],
) -> Result<Manifest, ShipError> {
    let mut layers = linked
        .layers
        .iter()
        .map(layer)
        .collect::<Result<Vec<_>, _>>()?;
    if layers.is_empty() {
        return Err(ShipError::NoBase);
    }
    let worker = WorkerFiles {
        libraries: Vec::new(),
        launcher: object(&linked.launcher)?,
        libstd: object(&linked.libstd)?,
        base: layers.remove(0),
    };
    let crates = linked.crates.iter().map(|krate| {
        let states = krate.states.iter().map(|key| StateEntry {
            key: key.clone(),
            layout: layouts
                .iter()
                .find(|layout| layout.key == *key)
                .and_then(|layout| Some(layout.layout.as_ref().ok()?.fingerprint.to_string())),
        });
        Ok(CrateObject {
            object: object(&krate.file)?,
            package: krate.package.clone(),
            crate_name: krate.crate_name.clone(),
            sources: krate.sources_hash.clone(),
            functions: krate.functions.clone(),
            inits: krate.inits.clone(),
            states: states.collect(),
            statics: krate.statics.clone(),
        })
    });
    Ok(Manifest {
        program: program.to_owned(),
        kt_version: VERSION.to_owned(),
        rustc: compiled.toolchain.version.clone(),
        target: compiled.toolchain.target.clone(),
        profile: compiled.profile.clone(),
        // The caller sets it: it does not depend on the linked objects.
        environment: Environment::default(),
        worker,
        layers,
        crates: crates.collect::<Result<_, ShipError>>()?,
    })
}

/// Makes the workers of a manifest start with libraries of this machine.
///
/// # Errors
/// As [`manifest`].
pub fn start_with(manifest: &mut Manifest, own: &OwnLibraries) -> Result<(), ShipError> {
    manifest.worker.launcher = object(&own.launcher)?;
    let libraries = own.libraries.iter().map(object);
    manifest.worker.libraries = libraries.collect::<Result<_, _>>()?;
    Ok(())
}

/// The layers of a running base, for *link* to build on.
pub fn layers_of(manifest: &Manifest) -> Vec<ExistingLayer> {
    let layers = std::iter::once(&manifest.worker.base).chain(&manifest.layers);
    let identity = |it: &LayerCrate| CrateIdentity {
        package: it.package.clone(),
        version: it.version.clone(),
        content: it.hash.clone(),
    };
    layers
        .map(|layer| ExistingLayer {
            soname: layer.object.name.clone(),
            crates: layer.crates.iter().map(identity).collect(),
        })
        .collect()
}

/// The path of each object of a manifest on this machine.
///
/// # Errors
/// As [`manifest`].
pub fn files(linked: &Linked, own: Option<&OwnLibraries>) -> Result<Files, ShipError> {
    let worker = [&linked.launcher, &linked.libstd].into_iter();
    let own = own.into_iter();
    let own = own.flat_map(|own| std::iter::once(&own.launcher).chain(&own.libraries));
    let layers = linked.layers.iter().map(|layer| &layer.file);
    let crates = linked.crates.iter().map(|krate| &krate.file);
    let files = worker.chain(own).chain(layers).chain(crates);
    files
        .map(|file| Ok((id(file)?, file.path.clone())))
        .collect()
}

fn layer(layer: &LinkedLayer) -> Result<Layer, ShipError> {
    let crates = layer.crates.iter().map(|it| LayerCrate {
        package: it.package.clone(),
        version: it.version.clone(),
        hash: it.content.clone(),
    });
    Ok(Layer {
        object: object(&layer.file)?,
        crates: crates.collect(),
    })
}

fn object(file: &LinkedFile) -> Result<Object, ShipError> {
    let build_id = file.build_id.clone().unwrap_or_default();
    Ok(Object {
        id: id(file)?,
        name: file.soname.clone(),
        size: file.size,
        build_id,
    })
}

fn id(file: &LinkedFile) -> Result<ObjectId, ShipError> {
    file.blake3.parse().map_err(|source| ShipError::Hash {
        file: file.path.clone(),
        source,
    })
}
