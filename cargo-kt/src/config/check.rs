//! What no option by itself can tell: whether they go together, and with what kt has in the pod.

use std::collections::BTreeMap;

use super::{ConfigError, Service, service::Options, value};

/// Longest name: `-stage` is put behind it, and a label has 63 bytes.
const NAME: usize = 57;
/// Where nothing of the user's may be mounted.
const OURS: &str = "kt";
/// How our own volumes' names begin, and those that we make of secrets.
const OUR_VOLUMES: [&str; 2] = ["kt-", "secret-"];
/// Label of a node, which the program's target decides. Source: kubernetes.io/docs/reference/labels-annotations-taints.
const ARCHITECTURE: &str = "kubernetes.io/arch";
/// Labels of a pod by which kt finds it again.
const OUR_LABELS: [&str; 3] = [
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
                return Err(options.together(name, "must be more than nothing".into()));
            }
        }
        if let Some(name) = self.name.as_ref().filter(|name| name.len() > NAME) {
            let why = format!(
                "`{name}` has {} letters, and names of other objects are made of it: {NAME} at most",
                name.len()
            );
            return Err(options.together("name", why));
        }
        if self.node_selector.contains_key(ARCHITECTURE) {
            let why = format!(
                "has `{ARCHITECTURE}`, which the program's target decides\nhelp: use `--target`"
            );
            return Err(options.together("node_selector", why));
        }
        if let Some(label) = OUR_LABELS.iter().find(|it| self.labels.contains_key(**it)) {
            let why = format!("has `{label}`, by which kt finds its pods");
            return Err(options.together("labels", why));
        }
        if let Some(name) = self.env.keys().find(|name| name.contains(['=', '\0'])) {
            let why = format!("has the name `{name}`, which no variable can have");
            return Err(options.together("env", why));
        }
        self.check_mounts(options)
    }

    fn check_mounts(&self, options: &Options<'_>) -> Result<(), ConfigError> {
        let mut mounts: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
        let mut mount = |option, path, what| {
            let parts = parts(path).map_err(|why| options.together(option, why))?;
            match mounts.insert(parts, what) {
                None => Ok(()),
                Some(before) => {
                    let why = format!("mounts `{what}` at {path}, where `{before}` is");
                    Err(options.together(option, why))
                }
            }
        };
        for secret in &self.secrets {
            match &secret.mount {
                None if !secret.env => {
                    let why = format!(
                        "says nothing of what `{}` is for: `env = true`, or `mount = \"/path\"`",
                        secret.name
                    );
                    return Err(options.together("secrets", why));
                }
                Some(path) => mount("secrets", path, &*secret.name)?,
                None => {}
            }
        }
        let mut names: Vec<&str> = Vec::new();
        for volume in &self.volumes {
            let name = &*volume.name;
            let refused = |why: String| Err(options.together("volumes", why));
            if !value::is_label(name) {
                return refused(format!(
                    "calls one `{name}`; a name is up to 63 of the letters a-z, digits and `-`"
                ));
            }
            if OUR_VOLUMES.iter().any(|start| name.starts_with(start)) {
                return refused(format!(
                    "calls one `{name}`: names that begin with `kt-` or `secret-` are ours"
                ));
            }
            if names.contains(&name) {
                return refused(format!("calls two of them `{name}`"));
            }
            names.push(name);
            mount("volumes", &volume.mount, name)?;
        }
        Ok(())
    }
}

/// The names in an absolute path, so that two ways to write one path are equal.
fn parts(path: &str) -> Result<Vec<&str>, String> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if !path.starts_with('/') || parts.contains(&"..") {
        return Err(format!(
            "mounts something at `{path}`, which is no absolute path"
        ));
    }
    if path.contains(':') {
        return Err(format!(
            "mounts something at `{path}`, and a mount's path has no `:`"
        ));
    }
    match parts[..] {
        [] => Err("mounts something over the whole file system".to_owned()),
        [OURS, ..] => Err(format!(
            "mounts something at `{path}`: /{OURS} is where kt itself lives in the pod"
        )),
        _ => Ok(parts),
    }
}
