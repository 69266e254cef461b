//! Decides whether a base can be kept: compares existing layers with the crates of this build.

use serde::{Deserialize, Serialize};

/// A crate of a layer, and its compiled content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CrateIdentity {
    pub package: String,
    pub version: String,
    /// blake3 over its object members, in hex.
    pub content: String,
}

/// An existing layer: from the last link or in a running pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingLayer {
    pub soname: String,
    pub crates: Vec<CrateIdentity>,
}

/// How the layers of a link differ from the existing ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseChange {
    /// There was no base.
    New,
    /// The layers are unchanged.
    Same,
    /// The layers are unchanged, and a new one has these crates.
    LayerAdded { crates: Vec<CrateIdentity> },
    /// There is a new layer 0: a worker on the old one cannot continue.
    Replaced { why: Replacement },
}

/// Why a base could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Replacement {
    /// Crates were updated, or compiled with other features or flags: package, old and new version.
    CratesChanged(Vec<(String, String, String)>),
    /// Crates were removed, and this machine does not have the layer that had them.
    CratesGone(Vec<CrateIdentity>),
    /// The new crates need more thread-local memory at fixed offsets than a running process can
    /// provide.
    StaticTls { bytes: u64 },
    /// The workspace now registers something in this crate, which must be loaded again with each
    /// registration.
    Registry(CrateIdentity),
    /// The toolchain, a C library or kt itself changed.
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
                    write!(
                        f,
                        "{package} {new} was recompiled with other features or flags{more}"
                    )
                } else {
                    write!(f, "{package} changed from {old} to {new}{more}")
                }
            }
            Self::CratesGone(crates) => match crates.first() {
                Some(first) => write!(f, "{} {} was removed", first.package, first.version),
                None => f.write_str("crates were removed"),
            },
            Self::StaticTls { bytes } => write!(
                f,
                "a new dependency needs {bytes} bytes of static thread-local storage"
            ),
            Self::Registry(krate) => write!(
                f,
                "crates of the workspace now register items in {} {}",
                krate.package, krate.version
            ),
            Self::Environment => {
                f.write_str("the toolchain or a C library that is loaded at run time changed")
            }
        }
    }
}

/// The crates of each existing layer, by index, and those left for a new layer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub layers: Vec<Vec<usize>>,
    pub new: Vec<usize>,
}

pub(super) fn assign(
    crates: &[CrateIdentity],
    existing: &[ExistingLayer],
    on_disk: impl Fn(&ExistingLayer) -> bool,
) -> Result<Assigned, Replacement> {
    let mut left: Vec<usize> = (0..crates.len()).collect();
    let mut layers = Vec::new();
    let mut missing = Vec::new();
    for layer in existing {
        let mut members = Vec::new();
        for member in &layer.crates {
            match left.iter().position(|&index| crates[index] == *member) {
                Some(position) => members.push(left.remove(position)),
                None => missing.push((layer, member)),
            }
        }
        members.sort_unstable();
        layers.push(members);
    }
    // If a crate is missing and another version of its package is new, it was changed. A crate that
    // was removed may stay loaded.
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
    let removed: Vec<_> = missing
        .iter()
        .filter(|(layer, _)| !on_disk(layer))
        .map(|(_, old)| (*old).clone())
        .collect();
    if !removed.is_empty() {
        return Err(Replacement::CratesGone(removed));
    }
    Ok(Assigned { layers, new: left })
}

/// A crate with a new version is more likely the cause than the crates that were recompiled because
/// of it.
fn updates_first(mut changed: Vec<(String, String, String)>) -> Vec<(String, String, String)> {
    changed.sort_by_key(|(_, old, new)| old == new);
    changed
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
    fn strictly_new_crates_become_one_more_layer() {
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
        assert_eq!(why.to_string(), "b changed from 1.0.0 to 1.0.1 and 1 more");
    }

    #[test]
    fn a_removed_crate_stays_loaded_if_its_layer_is_on_this_machine() {
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
