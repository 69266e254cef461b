//! Whether a base can stay as it is: layers that exist compared with the crates of this build.

use serde::{Deserialize, Serialize};

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
    /// The workspace now registers something in this crate, which has to be loaded anew with it.
    Registry(CrateIdentity),
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
            Self::Registry(krate) => write!(
                f,
                "crates of the workspace now register in {} {}",
                krate.package, krate.version
            ),
            Self::Environment => f.write_str("the toolchain or the system's libraries changed"),
        }
    }
}

/// Which crates make up each existing layer (by index), and which are left for a new one.
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
