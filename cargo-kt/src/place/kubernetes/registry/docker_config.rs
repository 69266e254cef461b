//! Credentials for a registry, where `docker login` stores them: in `config.json` itself, or in a
//! program that the file names.

use std::{collections::BTreeMap, env, fs::File, io::Read as _, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{credentials::Credentials, error::Unanswered, helper};

/// Maximum size of `config.json`.
const LIMIT: u64 = 1 << 20;

/// The part of Docker's configuration that concerns credentials.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerConfig {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    /// `user:password` in Base64.
    auth: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
}

impl DockerConfig {
    /// Reads the file in `DOCKER_CONFIG` or `~/.docker`. Empty if it does not exist or is invalid:
    /// Docker itself reports that.
    pub fn read() -> Self {
        let directory = env::var_os("DOCKER_CONFIG").filter(|it| !it.is_empty());
        let directory = directory.map(PathBuf::from);
        let home = || env::home_dir().map(|home| home.join(".docker"));
        let text = directory.or_else(home).and_then(|directory| {
            let mut text = String::new();
            let file = File::open(directory.join("config.json")).ok()?;
            file.take(LIMIT).read_to_string(&mut text).ok()?;
            Some(text)
        });
        text.and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Reads the text of the file; `None` if it is invalid.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The credentials for a registry, by its name in this file.
    ///
    /// # Errors
    /// If a program that stores them does not answer in time.
    pub async fn credentials(&self, registry: &str) -> Result<Credentials, Unanswered> {
        let helper = self.cred_helpers.get(registry);
        match helper.or(self.creds_store.as_ref()) {
            Some(helper) if !helper.is_empty() => helper::credentials(helper, registry).await,
            _ => Ok(self.stored(registry)),
        }
    }

    fn stored(&self, registry: &str) -> Credentials {
        // Old versions of Docker stored addresses: `https://registry.test/v1/`.
        let same = |(key, _): &(&String, &Entry)| host(key) == registry;
        let entry = self.auths.get(registry);
        let entry = entry.or_else(|| self.auths.iter().find(same).map(|(_, entry)| entry));
        entry
            .and_then(Entry::credentials)
            .unwrap_or(Credentials::None)
    }
}

impl Entry {
    fn credentials(&self) -> Option<Credentials> {
        if let Some(token) = self.identity_token.clone().filter(|it| !it.is_empty()) {
            return Some(Credentials::IdentityToken(token));
        }
        let decoded = STANDARD.decode(self.auth.as_ref()?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Credentials::Password {
            user: user.to_owned(),
            // Docker ends it with zeros in some versions.
            password: password.trim_end_matches('\0').to_owned(),
        })
    }
}

fn host(key: &str) -> &str {
    let key = key
        .strip_prefix("https://")
        .or(key.strip_prefix("http://"))
        .unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(config: &str, registry: &str) -> Credentials {
        DockerConfig::parse(config).unwrap().stored(registry)
    }

    fn password(user: &str, password: &str) -> Credentials {
        let (user, password) = (user.to_owned(), password.to_owned());
        Credentials::Password { user, password }
    }

    #[test]
    fn passwords_and_identity_tokens_are_read() {
        let config = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YWxpY2U6c2VjOnJldA=="},
            "reg.test:5000": {"auth": "YWxpY2U6", "identitytoken": "idtoken"},
            "empty.test": {}, "broken.test": {"auth": "%%%"}
        }, "HttpHeaders": {"User-Agent": "x"}}"#;
        assert_eq!(
            stored(config, "https://index.docker.io/v1/"),
            password("alice", "sec:ret")
        );
        assert_eq!(
            stored(config, "reg.test:5000"),
            Credentials::IdentityToken("idtoken".into())
        );
        for registry in ["empty.test", "broken.test", "reg.test", "other.test"] {
            assert_eq!(stored(config, registry), Credentials::None, "{registry}");
        }
    }

    #[test]
    fn an_address_in_place_of_a_name_is_found() {
        let config = r#"{"auths": {"https://reg.test/v2/": {"auth": "YTpi"}}}"#;
        assert_eq!(stored(config, "reg.test"), password("a", "b"));
    }
}
