//! The base: third-party crates in layers of shared objects.
//!
//! Layer 0 is what the launcher is linked against; it has static TLS and is there from the start. A layer added later holds only crates that
//! are strictly new, so that everything loaded before keeps its state. Anything else makes a new layer 0, and that needs a new process.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    LinkError, LinkEvent, LinkedFile, Linker,
    archive::ArchiveFacts,
    hash::{Name, short},
    shared::{FLAGS, SharedLink},
    warm,
};
use crate::build::BaseCrate;

/// What glibc keeps free for the static TLS of objects loaded with `dlopen` (`glibc.rtld.optional_static_tls`, 512 bytes since 2.32).
const SPARE_STATIC_TLS: u64 = 512;

/// Flags beyond [`FLAGS`]. Stripped of everything that is not loaded: `.dynsym` has the names of all that is exported, and `.symtab` would
/// say them again (a quarter of the size). Two C libraries may define the same symbol; static links take the first, too.
const LAYER_FLAGS: [&str; 3] = ["--strip-all", "-z", "muldefs"];

/// A crate of a layer: which, and what was compiled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CrateIdentity {
    pub package: String,
    pub version: String,
    /// blake3 over its object members, in hex.
    pub content: String,
}

/// A layer that is there already: in the last link or in a running pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingLayer {
    pub soname: String,
    pub crates: Vec<CrateIdentity>,
}

/// A layer of this link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedLayer {
    pub file: LinkedFile,
    pub crates: Vec<CrateIdentity>,
}

impl From<&LinkedLayer> for ExistingLayer {
    fn from(layer: &LinkedLayer) -> Self {
        Self {
            soname: layer.file.soname.clone(),
            crates: layer.crates.clone(),
        }
    }
}

/// How the layers of a link stand to those that existed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseChange {
    /// None existed.
    New,
    /// All layers are those that existed.
    Same,
    /// They are, and one more holds these crates.
    LayerAdded { crates: Vec<CrateIdentity> },
    /// There is a new layer 0: what runs on the old one cannot go on.
    Replaced { why: Replacement },
}

/// Why a base could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Replacement {
    /// Crates were updated, or compiled with other features or flags: package, former and present version.
    CratesChanged(Vec<(String, String, String)>),
    /// Crates went away, and the layer that held them is not on this machine.
    CratesGone(Vec<CrateIdentity>),
    /// The new crates want more thread-local memory at fixed offsets than a running process can give.
    StaticTls { bytes: u64 },
    /// The toolchain, the system's libraries or kt itself is another one.
    Environment,
}

impl std::fmt::Display for Replacement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CratesChanged(crates) => {
                let Some((package, old, new)) = crates.first() else {
                    return f.write_str("crates changed");
                };
                let more = match crates.len() - 1 {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                if old == new {
                    write!(f, "{package} {new} was compiled differently{more}")
                } else {
                    write!(f, "{package} {old} became {new}{more}")
                }
            }
            Self::CratesGone(crates) => match crates.first() {
                Some(first) => write!(f, "{} {} is gone", first.package, first.version),
                None => f.write_str("crates are gone"),
            },
            Self::StaticTls { bytes } => write!(
                f,
                "a new dependency needs {bytes} bytes of static thread-local storage"
            ),
            Self::Environment => f.write_str("the toolchain or the system's libraries changed"),
        }
    }
}

/// What [`link`] knows of the base crates.
pub(super) struct BaseInput<'a> {
    pub crates: &'a [BaseCrate],
    pub facts: &'a [ArchiveFacts],
    pub hot: &'a (dyn Fn(&str) -> Option<String> + Sync),
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

/// Links what is missing of the base.
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

/// Which crates make up each existing layer (by index), and which are left for a new one.
#[derive(Debug, PartialEq, Eq)]
struct Assigned {
    layers: Vec<Vec<usize>>,
    new: Vec<usize>,
}

fn assign(
    crates: &[CrateIdentity],
    existing: &[ExistingLayer],
    on_disk: impl Fn(&ExistingLayer) -> bool,
) -> Result<Assigned, Replacement> {
    let mut left: Vec<usize> = (0..crates.len()).collect();
    let mut layers = Vec::new();
    let mut missing = Vec::new();
    for layer in existing {
        let mut members = Vec::new();
        for wanted in &layer.crates {
            match left.iter().position(|&index| crates[index] == *wanted) {
                Some(position) => members.push(left.remove(position)),
                None => missing.push((layer, wanted)),
            }
        }
        members.sort_unstable();
        layers.push(members);
    }
    // A crate that is missing while another of its package is new was changed; one that left no successor does no harm where it is.
    let changed: Vec<_> = missing
        .iter()
        .filter_map(|(_, old)| {
            let same_version = left
                .iter()
                .find(|&&i| crates[i].package == old.package && crates[i].version == old.version);
            let new = same_version
                .or_else(|| left.iter().find(|&&i| crates[i].package == old.package))?;
            Some((
                old.package.clone(),
                old.version.clone(),
                crates[*new].version.clone(),
            ))
        })
        .collect();
    if !changed.is_empty() {
        return Err(Replacement::CratesChanged(updates_first(changed)));
    }
    let gone: Vec<_> = missing
        .iter()
        .filter(|(layer, _)| !on_disk(layer))
        .map(|(_, old)| (*old).clone())
        .collect();
    if !gone.is_empty() {
        return Err(Replacement::CratesGone(gone));
    }
    Ok(Assigned { layers, new: left })
}

/// A crate with a new version is more likely the cause than those compiled again for its sake.
fn updates_first(mut changed: Vec<(String, String, String)>) -> Vec<(String, String, String)> {
    changed.sort_by_key(|(_, old, new)| old == new);
    changed
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

/// What is written beside a layer when it is complete.
#[derive(Serialize, Deserialize)]
struct LayerRecord {
    /// [`Linker::identity`] of then.
    identity: String,
    layer: LinkedLayer,
}

fn record_path(layer: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{layer}.json"))
}

/// Where a layer lies: layer 0 beside its launcher.
fn layer_path(linker: &Linker<'_>, soname: &str, is_first: bool) -> Utf8PathBuf {
    let hash = soname
        .trim_end_matches(".so")
        .rsplit('-')
        .next()
        .unwrap_or(soname);
    if is_first {
        linker.warm.bases().join(hash).join(soname)
    } else {
        linker.warm.layers().join(soname)
    }
}

fn known_layer(linker: &Linker<'_>, wanted: &ExistingLayer) -> Option<LinkedLayer> {
    let paths = [true, false].map(|is_first| layer_path(linker, &wanted.soname, is_first));
    let records = paths
        .iter()
        .filter_map(|path| warm::read_json::<LayerRecord>(&record_path(path)));
    let mut usable = records.filter(|record| {
        record.identity == linker.identity && record.layer.crates == wanted.crates
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
    linker.say(LinkEvent::Base {
        crates: members.len(),
        file: layer.file.clone(),
        elapsed: begun.elapsed(),
    });
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(package: &str, version: &str, content: &str) -> CrateIdentity {
        CrateIdentity {
            package: package.into(),
            version: version.into(),
            content: content.into(),
        }
    }

    fn layer(crates: &[CrateIdentity]) -> ExistingLayer {
        ExistingLayer {
            soname: "libkt-base-0.so".into(),
            crates: crates.to_vec(),
        }
    }

    #[test]
    fn strictly_new_crates_make_one_more_layer() {
        let (a, b, c) = (
            krate("a", "1.0.0", "x"),
            krate("b", "1.0.0", "y"),
            krate("b", "2.0.0", "z"),
        );
        let existing = [
            layer(std::slice::from_ref(&b)),
            layer(std::slice::from_ref(&a)),
        ];
        let assigned = assign(&[a, b, c], &existing, |_| false).unwrap();
        assert_eq!(
            assigned,
            Assigned {
                layers: vec![vec![1], vec![0]],
                new: vec![2]
            }
        );
    }

    #[test]
    fn an_updated_crate_replaces_the_base_and_is_named_first() {
        let old = [krate("a", "1.0.0", "x"), krate("b", "1.0.0", "y")];
        let new = [krate("a", "1.0.0", "x2"), krate("b", "1.0.1", "y2")];
        let why = assign(&new, &[layer(&old)], |_| true).unwrap_err();
        let expected = [("b", "1.0.0", "1.0.1"), ("a", "1.0.0", "1.0.0")]
            .map(|(p, o, n)| (p.into(), o.into(), n.into()));
        assert_eq!(why, Replacement::CratesChanged(expected.to_vec()));
        assert_eq!(why.to_string(), "b 1.0.0 became 1.0.1 and 1 more");
    }

    #[test]
    fn a_crate_that_is_gone_stays_loaded_where_its_layer_is_at_hand() {
        let (a, b) = (krate("a", "1.0.0", "x"), krate("b", "1.0.0", "y"));
        let existing = [layer(&[a.clone(), b.clone()])];
        assert_eq!(
            assign(std::slice::from_ref(&a), &existing, |_| true)
                .unwrap()
                .new,
            Vec::<usize>::new()
        );
        assert_eq!(
            assign(&[a], &existing, |_| false),
            Err(Replacement::CratesGone(vec![b]))
        );
    }
}
