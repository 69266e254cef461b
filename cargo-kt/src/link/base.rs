//! The base: third-party crates in layers of shared objects.
//!
//! The launcher is linked against layer 0, so it is loaded at start and has static TLS. A layer
//! that is added later has only strictly new crates, so everything loaded before keeps its state.
//! Any other change needs a new layer 0, and so a new process.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    BaseChange, CrateIdentity, ExistingLayer, LinkError, LinkEvent, LinkedFile, LinkedLayer,
    Linker, Replacement,
    archive::ArchiveFacts,
    change::{Assigned, assign},
    hash::{Name, short},
    shared::{FLAGS, SharedLink},
    warm,
};
use crate::artifacts::BaseCrate;

/// The static TLS that glibc reserves for objects loaded with `dlopen`
/// (`glibc.rtld.optional_static_tls`, 512 bytes since 2.32).
const SPARE_STATIC_TLS: u64 = 512;

/// Flags beyond [`FLAGS`]. Sections that are not loaded are stripped: `.dynsym` has the names of
/// all exports, and `.symtab` would repeat them (a quarter of the size). Two C libraries may define
/// the same symbol; the first one wins, as in a static link.
const LAYER_FLAGS: [&str; 3] = ["--strip-all", "-z", "muldefs"];

/// The base crates, as input for [`link`].
pub(super) struct BaseInput<'a> {
    pub crates: &'a [BaseCrate],
    pub facts: &'a [ArchiveFacts],
    pub hot: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Third-party crates that are linked as hot ones.
    pub promoted: &'a [CrateIdentity],
}

impl BaseInput<'_> {
    fn identities(&self) -> Vec<CrateIdentity> {
        let identity = |(krate, facts): (&BaseCrate, &ArchiveFacts)| CrateIdentity {
            package: krate.package.clone(),
            version: krate.version.clone(),
            content: facts.content.clone(),
        };
        self.crates.iter().zip(self.facts).map(identity).collect()
    }
}

/// Links the missing layers of the base.
pub(super) fn link(
    linker: &Linker<'_>,
    input: &BaseInput<'_>,
    existing: &[ExistingLayer],
) -> Result<(Vec<LinkedLayer>, BaseChange), LinkError> {
    let identities = input.identities();
    let whole = || {
        link_layer(
            linker,
            input,
            &identities,
            &(0..identities.len()).collect::<Vec<_>>(),
            &[],
        )
    };
    if existing.is_empty() {
        return Ok((vec![whole()?], BaseChange::New));
    }
    // Symbols of a crate in the base would take precedence over those of its object.
    let has_promoted = |layer: &ExistingLayer| {
        let mut crates = layer.crates.iter();
        crates
            .find(|old| {
                let same =
                    |it: &CrateIdentity| (&it.package, &it.version) == (&old.package, &old.version);
                input.promoted.iter().any(same)
            })
            .cloned()
    };
    if let Some(promoted) = existing.iter().find_map(has_promoted) {
        let why = Replacement::Registry(promoted);
        return Ok((vec![whole()?], BaseChange::Replaced { why }));
    }
    let on_disk = |layer: &ExistingLayer| known_layer(linker, layer).is_some();
    let extended = match assign(&identities, existing, on_disk) {
        Ok(assigned) => extend(linker, input, &identities, existing, assigned)?,
        Err(why) => Err(why),
    };
    match extended {
        Ok(done) => Ok(done),
        Err(why) => Ok((vec![whole()?], BaseChange::Replaced { why })),
    }
}

fn extend(
    linker: &Linker<'_>,
    input: &BaseInput<'_>,
    identities: &[CrateIdentity],
    existing: &[ExistingLayer],
    assigned: Assigned,
) -> Result<Result<(Vec<LinkedLayer>, BaseChange), Replacement>, LinkError> {
    let mut layers: Vec<LinkedLayer> = Vec::new();
    for (layer, members) in existing.iter().zip(&assigned.layers) {
        let linked = match known_layer(linker, layer) {
            Some(known) => known,
            None => link_layer(linker, input, identities, members, &layers)?,
        };
        if linked.file.soname != layer.soname {
            return Ok(Err(Replacement::Environment));
        }
        layers.push(linked);
    }
    if assigned.new.is_empty() {
        return Ok(Ok((layers, BaseChange::Same)));
    }
    let added = link_layer(linker, input, identities, &assigned.new, &layers)?;
    let bytes = super::elf::dynamic(&warm::read(&added.file.path)?)
        .map_err(LinkError::object(&added.file.path))?
        .static_tls;
    if bytes > SPARE_STATIC_TLS {
        return Ok(Err(Replacement::StaticTls { bytes }));
    }
    let change = BaseChange::LayerAdded {
        crates: added.crates.clone(),
    };
    layers.push(added);
    Ok(Ok((layers, change)))
}

/// Written beside a layer when it is complete.
#[derive(Serialize, Deserialize)]
struct LayerRecord {
    /// [`Linker::identity`] when it was linked.
    identity: String,
    layer: LinkedLayer,
}

fn record_path(layer: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{layer}.json"))
}

/// The path of a layer: layer 0 is beside its launcher.
fn layer_path(linker: &Linker<'_>, soname: &str, is_first: bool) -> Utf8PathBuf {
    if is_first {
        first_layer(&linker.kt_dir, soname)
    } else {
        linker.kt_dir.layers().join(soname)
    }
}

pub(super) fn first_layer(kt_dir: &warm::KtDir, soname: &str) -> Utf8PathBuf {
    let stem = soname.trim_end_matches(".so");
    let hash = stem.rsplit('-').next().unwrap_or(soname);
    kt_dir.bases().join(hash).join(soname)
}

fn known_layer(linker: &Linker<'_>, existing: &ExistingLayer) -> Option<LinkedLayer> {
    let paths = [true, false].map(|is_first| layer_path(linker, &existing.soname, is_first));
    let records = paths
        .iter()
        .filter_map(|path| warm::read_json::<LayerRecord>(&record_path(path)));
    let mut usable = records.filter(|record| {
        record.identity == linker.identity && record.layer.crates == existing.crates
    });
    usable
        .next()
        .map(|record| record.layer)
        .filter(|layer| layer.file.is_whole())
}

fn link_layer(
    linker: &Linker<'_>,
    input: &BaseInput<'_>,
    identities: &[CrateIdentity],
    members: &[usize],
    former: &[LinkedLayer],
) -> Result<LinkedLayer, LinkError> {
    let crates: Vec<_> = members
        .iter()
        .map(|&index| identities[index].clone())
        .collect();
    let mut name = Name::new("layer");
    name.add(&linker.identity)
        .add_all(FLAGS)
        .add_all(LAYER_FLAGS);
    for krate in &crates {
        name.add(&krate.package)
            .add(&krate.version)
            .add(&krate.content);
    }
    name.add_all(former.iter().map(|layer| &layer.file.soname));
    name.add_all(&linker.natives.shared)
        .add_all(&linker.natives.archives);
    let hash = name.hex();
    let soname = format!("libkt-base-{}.so", short(&hash));
    if let Some(known) = known_layer(
        linker,
        &ExistingLayer {
            soname: soname.clone(),
            crates: crates.clone(),
        },
    ) {
        return Ok(known);
    }
    let begun = Instant::now();
    let output = layer_path(linker, &soname, former.is_empty());
    let mut natives = linker.natives.search_arguments(&linker.system);
    natives.extend(linker.natives.archive_arguments());
    natives.extend(
        linker
            .natives
            .shared_arguments(&linker.natives.shared, &linker.system),
    );
    let link = SharedLink {
        what: "the base".to_owned(),
        output: output.clone(),
        soname: &soname,
        hash: &hash,
        rlibs: members
            .iter()
            .map(|&index| (input.crates[index].rlib.as_path(), &input.facts[index]))
            .collect(),
        flags: &LAYER_FLAGS,
        against: former
            .iter()
            .map(|layer| layer.file.path.as_path())
            .collect(),
        natives,
        weaken: true,
        hot: input.hot,
    };
    link.run(linker)?;
    let layer = LinkedLayer {
        file: LinkedFile::of(&output)?,
        crates,
    };
    warm::write_json(
        &record_path(&output),
        &LayerRecord {
            identity: linker.identity.clone(),
            layer: layer.clone(),
        },
    )?;
    linker.report(LinkEvent::Base {
        crates: members.len(),
        file: layer.file.clone(),
        elapsed: begun.elapsed(),
    });
    Ok(layer)
}
