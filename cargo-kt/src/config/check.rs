//! Checks across options: that they are compatible with each other and with kt's own objects in the
//! pod.

use std::collections::BTreeMap;

use super::{ConfigError, Service, service::Options, value};

/// Maximum length of a name: `-stage` is appended, and a label has at most 63 bytes.
const MAX_NAME: usize = 57;
/// The top-level directory of the pod that is reserved for kt.
const RESERVED_DIR: &str = "kt";
/// Name prefixes of kt's own volumes, and of those created for secrets.
const RESERVED_VOLUMES: [&str; 2] = ["kt-", "secret-"];
/// Node label that is determined by the program's target. Source:
/// kubernetes.io/docs/reference/labels-annotations-taints.
const ARCHITECTURE: &str = "kubernetes.io/arch";
/// Pod labels that kt uses to find its pods.
const RESERVED_LABELS: [&str; 3] = [
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/name",
    "cargo-kt/user",
];

impl Service {
    pub(super) fn check(&self, options: &Options<'_>) -> Result<(), ConfigError> {
        for (name, duration) in [
            ("launch_timeout", self.launch_timeout),
            ("inactivity_ttl", self.inactivity_ttl),
        ] {
            if duration.is_zero() {
                return Err(options.conflict(name, "must be greater than zero".into()));
            }
        }
        if let Some(name) = self.name.as_ref().filter(|name| name.len() > MAX_NAME) {
            let why = format!(
                "is too long: `{name}` has {} characters, the maximum is {MAX_NAME}",
                name.len()
            );
            return Err(options.conflict("name", why));
        }
        if self.node_selector.contains_key(ARCHITECTURE) {
            let why = format!(
                "must not set `{ARCHITECTURE}`, which is determined by the program's target\nhelp: use `--target`"
            );
            return Err(options.conflict("node_selector", why));
        }
        if let Some(label) = RESERVED_LABELS
            .iter()
            .find(|it| self.labels.contains_key(**it))
        {
            let why = format!("must not set `{label}`, which kt uses to find its pods");
            return Err(options.conflict("labels", why));
        }
        if let Some(name) = self.env.keys().find(|name| name.contains(['=', '\0'])) {
            let why = format!("has the invalid variable name `{name}`");
            return Err(options.conflict("env", why));
        }
        self.check_mounts(options)
    }

    fn check_mounts(&self, options: &Options<'_>) -> Result<(), ConfigError> {
        let mut mounts: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
        let mut mount = |option, path, what| {
            let parts = parts(path).map_err(|why| options.conflict(option, why))?;
            match mounts.insert(parts, what) {
                None => Ok(()),
                Some(before) => {
                    let why = format!("mounts `{what}` at {path}, which `{before}` already uses");
                    Err(options.conflict(option, why))
                }
            }
        };
        for secret in &self.secrets {
            match &secret.mount {
                None if !secret.env => {
                    let why = format!(
                        "does not use `{}`: set `env = true` or `mount = \"/path\"`",
                        secret.name
                    );
                    return Err(options.conflict("secrets", why));
                }
                Some(path) => mount("secrets", path, &*secret.name)?,
                None => {}
            }
        }
        let mut names: Vec<&str> = Vec::new();
        for volume in &self.volumes {
            let name = &*volume.name;
            let refused = |why: String| Err(options.conflict("volumes", why));
            if !value::is_label(name) {
                return refused(format!(
                    "has the invalid volume name `{name}`: use up to 63 of a-z, 0-9 and `-`"
                ));
            }
            if RESERVED_VOLUMES.iter().any(|start| name.starts_with(start)) {
                return refused(format!(
                    "has the reserved volume name `{name}`: the prefixes `kt-` and `secret-` are for kt"
                ));
            }
            if names.contains(&name) {
                return refused(format!("has two volumes named `{name}`"));
            }
            names.push(name);
            mount("volumes", &volume.mount, name)?;
        }
        Ok(())
    }
}

/// The segments of an absolute path, so that different spellings of a path are equal.
fn parts(path: &str) -> Result<Vec<&str>, String> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if !path.starts_with('/') || parts.contains(&"..") {
        return Err(format!(
            "has the invalid mount path `{path}`: it must be absolute, without `..`"
        ));
    }
    if path.contains(':') {
        return Err(format!(
            "has the invalid mount path `{path}`: it must not contain `:`"
        ));
    }
    match parts[..] {
        [] => Err("has the invalid mount path `/`".to_owned()),
        [RESERVED_DIR, ..] => Err(format!(
            "has the reserved mount path `{path}`: /{RESERVED_DIR} is for kt"
        )),
        _ => Ok(parts),
    }
}
