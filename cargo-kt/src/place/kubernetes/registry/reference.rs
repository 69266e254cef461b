//! Image references, as Docker and containerd read them: `debian:12` is the tag `12` of
//! `library/debian` on Docker Hub.
//!
//! Source of the grammar: <https://github.com/distribution/reference>.

use std::{fmt, net::IpAddr};

/// Docker Hub's name in references.
const HUB: &str = "docker.io";
/// The host that serves Docker Hub's images.
const HUB_HOST: &str = "registry-1.docker.io";
/// The name under which Docker stores the credentials of Docker Hub.
const HUB_CREDENTIALS: &str = "https://index.docker.io/v1/";

/// Where an image is. All parts match the grammar, so they are safe in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    version: Version,
}

/// Which of a repository's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    Tag(String),
    Digest(String),
}

impl Reference {
    /// Parses an image's name; `None` if it is invalid.
    pub fn parse(image: &str) -> Option<Self> {
        let (named, digest) = match image.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (image, None),
        };
        // A colon before the last slash is that of a port.
        let path = named.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match named[path..].split_once(':') {
            Some((name, tag)) => (&named[..path + name.len()], Some(tag)),
            None => (named, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if is_host(host) => (host, rest),
            _ => (HUB, name),
        };
        let registry = match registry {
            "index.docker.io" => HUB,
            registry => registry,
        };
        let repository = match registry == HUB && !repository.contains('/') {
            true => format!("library/{repository}"),
            false => repository.to_owned(),
        };
        let version = match (digest, tag) {
            (Some(digest), _) => Version::Digest(digest.to_owned()),
            (None, tag) => Version::Tag(tag.unwrap_or("latest").to_owned()),
        };
        let valid = is_repository(&repository)
            && is_authority(registry)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        valid.then(|| Self {
            registry: registry.to_owned(),
            repository,
            version,
        })
    }

    /// The address of the registry's API, without a slash at its end. Plain HTTP is only for a
    /// registry on the loopback interface.
    pub fn api(&self) -> String {
        match &*self.registry {
            HUB => format!("https://{HUB_HOST}"),
            registry if self.is_loopback() => format!("http://{registry}"),
            registry => format!("https://{registry}"),
        }
    }

    /// Whether the registry is on the loopback interface.
    pub fn is_loopback(&self) -> bool {
        is_loopback(host_of(&self.registry))
    }

    /// The registry's name in Docker's configuration.
    pub fn credentials_key(&self) -> &str {
        match &*self.registry {
            HUB => HUB_CREDENTIALS,
            registry => registry,
        }
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn version(&self) -> &Version {
        &self.version
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Tag(text) | Self::Digest(text)) = self;
        f.write_str(text)
    }
}

/// Whether a host, without a port, is this machine's loopback interface.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Whether the first part of a name is a registry.
fn is_host(part: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase();
    part == "localhost" || part.contains(['.', ':']) || part.contains(upper)
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn is_authority(text: &str) -> bool {
    let host = host_of(text);
    let port = text[host.len()..].strip_prefix(':');
    let letter = |c: char| c.is_ascii_alphanumeric();
    let label = |label: &str| {
        label.starts_with(letter)
            && label.ends_with(letter)
            && label.chars().all(|c| letter(c) || c == '-')
    };
    let address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let valid = match address {
        Some(address) => address.parse::<IpAddr>().is_ok(),
        None => host.split('.').all(label),
    };
    valid && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_repository(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(letter)
            && part.ends_with(letter)
            && part.chars().all(|c| letter(c) || "._-".contains(c))
            && !part.contains("..")
    };
    text.len() <= 255 && text.split('/').all(part)
}

/// Whether a text is a tag. It then has no control characters.
pub(super) fn is_tag(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(inner) && !text.starts_with(['.', '-'])
}

pub(super) fn is_digest(text: &str) -> bool {
    let algorithm = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+._-".contains(c);
    text.split_once(':').is_some_and(|(name, hash)| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(algorithm)
            && (32..=256).contains(&hash.len())
            && hash.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

    fn parsed(image: &str) -> (String, String, String) {
        let reference = Reference::parse(image).unwrap_or_else(|| panic!("{image} is valid"));
        let (api, repository) = (reference.api(), reference.repository().to_owned());
        (api, repository, reference.version().to_string())
    }

    fn expect(image: &str, api: &str, repository: &str, version: &str) {
        let expected = (api.to_owned(), repository.to_owned(), version.to_owned());
        assert_eq!(parsed(image), expected, "{image}");
    }

    #[test]
    fn names_without_a_registry_are_on_docker_hub() {
        let hub = "https://registry-1.docker.io";
        expect("debian", hub, "library/debian", "latest");
        expect("debian:12-slim", hub, "library/debian", "12-slim");
        expect("alice/app:1", hub, "alice/app", "1");
        expect("docker.io/debian:12", hub, "library/debian", "12");
        expect("index.docker.io/alice/app", hub, "alice/app", "latest");
        let key = |image| {
            Reference::parse(image)
                .unwrap()
                .credentials_key()
                .to_owned()
        };
        assert_eq!(key("debian"), "https://index.docker.io/v1/");
        assert_eq!(key("ghcr.io/alice/app"), "ghcr.io");
        assert_eq!(key("reg.test:5000/app"), "reg.test:5000");
    }

    #[test]
    fn a_registry_has_a_dot_a_port_or_is_localhost() {
        expect("ghcr.io/a/b/c:1", "https://ghcr.io", "a/b/c", "1");
        expect("reg:5000/app", "https://reg:5000", "app", "latest");
        expect("localhost/app:1", "http://localhost", "app", "1");
    }

    #[test]
    fn a_digest_takes_precedence_over_a_tag() {
        let hub = "https://registry-1.docker.io";
        expect(&format!("debian@{DIGEST}"), hub, "library/debian", DIGEST);
        let both = format!("reg.test:5000/app:1@{DIGEST}");
        expect(&both, "https://reg.test:5000", "app", DIGEST);
    }

    #[test]
    fn plain_http_is_only_for_the_loopback_interface() {
        for image in [
            "localhost:5000/a",
            "127.0.0.1:5000/a",
            "127.1.2.3/a",
            "[::1]:5000/a",
        ] {
            assert!(parsed(image).0.starts_with("http://"), "{image}");
        }
        for image in [
            "localhost.test/a",
            "10.0.0.1:5000/a",
            "127.0.0.1.test/a",
            "[2001:db8::1]:5000/a",
        ] {
            assert!(parsed(image).0.starts_with("https://"), "{image}");
        }
    }

    #[test]
    fn what_could_change_the_url_is_no_reference() {
        for image in [
            "",
            "UPPER:1",
            "kt.test/UPPER:1",
            "app:",
            "app:-1",
            "a//b",
            "../a",
            "a/../b",
            "app?x",
            "reg.test:port/app",
            "user@reg.test/app",
            "reg.test/app:1/2",
            "app@sha256:12",
            "reg.test:5000/",
            "app:1\n",
            "reg.test/a%2fb",
            "reg.test:99999/app",
        ] {
            assert_eq!(Reference::parse(image), None, "{image}");
        }
    }
}
