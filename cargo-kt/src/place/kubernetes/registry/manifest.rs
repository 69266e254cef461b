//! What a manifest says: for which platforms an image is, and how large.

use std::fmt;

use serde::Deserialize;

use super::{
    client::{Client, json},
    error::Unanswered,
    reference::is_digest,
};

/// Maximum size of a manifest, as in the distribution specification.
pub(super) const LIMIT: usize = 4 << 20;
/// The kinds of manifests that containerd and CRI-O can pull.
pub(super) const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// An image that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Without duplicates; empty if they are not known.
    pub platforms: Vec<Platform>,
    /// The compressed size of the layers for the pod's platform: what a node without any of them
    /// pulls.
    pub size: Option<u64>,
}

/// An operating system and a CPU architecture, by Go's names, which Kubernetes uses too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

impl Platform {
    pub fn linux(architecture: &str) -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
        }
    }

    /// Whether it describes an image. Attestations are for `unknown/unknown`. No name has control
    /// characters.
    fn is_known(&self) -> bool {
        let letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name = |text: &str| (1..=32).contains(&text.len()) && text.chars().all(letter);
        self.os != "unknown" && name(&self.os) && name(&self.architecture)
    }
}

/// A manifest, or a list of them (an image index).
#[derive(Deserialize)]
struct Manifest {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    size: u64,
    platform: Option<Platform>,
}

/// Reads a manifest, and what it refers to for the pod's platform.
///
/// # Errors
/// If the registry does not answer, or not with manifests of images.
pub async fn examine(
    client: &mut Client<'_>,
    manifest: &[u8],
    pod: &Platform,
) -> Result<Image, Unanswered> {
    let manifest: Manifest = json(manifest, "manifest")?;
    let Some(entries) = manifest.manifests else {
        return single(client, &manifest).await;
    };
    // An archive that was imported without platforms.
    if let [only] = &entries[..]
        && only.platform.is_none()
    {
        let manifest: Manifest = json(&get(client, "manifests", only).await?, "manifest")?;
        return single(client, &manifest).await;
    }
    let platform = |entry: &Descriptor| entry.platform.clone().filter(Platform::is_known);
    let mut platforms: Vec<Platform> = entries.iter().filter_map(platform).collect();
    platforms.sort();
    platforms.dedup();
    // One without a platform may be for any.
    if entries.iter().any(|entry| entry.platform.is_none()) {
        platforms.clear();
    }
    let size = match entries
        .iter()
        .find(|entry| entry.platform.as_ref() == Some(pod))
    {
        Some(entry) => {
            let manifest = get(client, "manifests", entry).await?;
            size(&json(&manifest, "manifest")?)
        }
        None => None,
    };
    Ok(Image { platforms, size })
}

async fn single(client: &mut Client<'_>, manifest: &Manifest) -> Result<Image, Unanswered> {
    let config = manifest.config.as_ref();
    let config = config.ok_or(Unanswered::Invalid("manifest without a configuration"))?;
    let platform: Platform = json(&get(client, "blobs", config).await?, "configuration")?;
    Ok(Image {
        platforms: Some(platform)
            .filter(Platform::is_known)
            .into_iter()
            .collect(),
        size: size(manifest),
    })
}

fn size(manifest: &Manifest) -> Option<u64> {
    let layers = manifest.layers.as_ref()?;
    let sizes = layers.iter().map(|layer| layer.size);
    Some(sizes.fold(0, u64::saturating_add))
}

async fn get(
    client: &mut Client<'_>,
    kind: &str,
    descriptor: &Descriptor,
) -> Result<Vec<u8>, Unanswered> {
    if !is_digest(&descriptor.digest) {
        return Err(Unanswered::Invalid("digest"));
    }
    let path = format!("{kind}/{}", descriptor.digest);
    let answer = client.get(&path, KINDS, LIMIT).await?;
    match answer.status.is_success() {
        true => Ok(answer.body),
        false => Err(Unanswered::Status(answer.status.as_u16())),
    }
}
