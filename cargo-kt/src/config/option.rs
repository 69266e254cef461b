//! The table of all options, which the command line, the environment and files share.

use serde_json::Value;

use super::{ConfigError, PlaceKind};

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A non-empty string.
    Text,
    /// A DNS label (RFC 1123).
    Label,
    /// An absolute path in the pod.
    Path,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A Kubernetes quantity above zero, such as `500m` or `2Gi`.
    Quantity,
    /// An integer from … to ….
    Number(u64, u64),
    /// `true` or `false`; the flag needs no value.
    Switch,
    /// A duration such as `90s` or `10m`.
    Duration,
    /// A user ID, or `image`.
    User,
    /// A version of two numbers, such as `2.31`.
    Version,
    /// A map of strings.
    Map,
    /// A list of strings.
    List,
    /// A list of objects, in Kubernetes' form or kt's.
    Objects,
    /// An object in Kubernetes' form.
    Object,
}

/// The group of an option in tables and help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Place and lifetime of the service.
    Service,
    /// Contents of the pod. Has no effect for the place `local`.
    Pod,
    /// Scheduling and identity of the pod.
    Cluster,
}

impl Group {
    pub fn title(self) -> &'static str {
        match self {
            Self::Service => "Service Options",
            Self::Pod => "Pod Options (place kubernetes)",
            Self::Cluster => "Cluster Options (place kubernetes)",
        }
    }
}

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub struct ServiceOption {
    pub group: Group,
    /// The name in Cargo.toml; the flag is `--name-so`, the variable `KT_NAME_SO`.
    pub name: &'static str,
    pub kind: Kind,
    /// The default as text; empty if none. [`LOCAL_DEFAULTS`] overrides it for local services.
    pub default: &'static str,
    pub help: &'static str,
}

use Kind::{
    Choice, Duration, Label, List, Map, Number, Object, Objects, Path, Quantity, Switch, Text,
    User, Version,
};

macro_rules! options {
    ($($group:ident { $($name:literal: $kind:expr, $default:literal, $help:literal;)+ })+) => {
        &[$($(ServiceOption {
            group: Group::$group, name: $name, kind: $kind, default: $default, help: $help,
        },)+)+]
    };
}

/// Every option.
pub const OPTIONS: &[ServiceOption] = options! {
    Service {
        "place": Choice(&["local", "kubernetes"]), "local", "Where the service runs: on this machine or in a cluster";
        "context": Text, "", "Context of the kubeconfig [default: the current context]";
        "namespace": Label, "", "Kubernetes namespace [default: the context's]";
        "name": Label, "", "Name of the service [default: from user, program and, unless it is dev, profile]";
        "inactivity_ttl": Duration, "10m", "Stop the service after this time without a call";
        "launch_timeout": Duration, "60s", "Timeout for the pod to start";
        "keep": Switch, "false", "Keep the objects of a failed launch for debugging";
        "body_limit": Number(1, 1 << 40), "268435456", "Maximum size of a call's arguments or result, in bytes";
        "breakpoint_timeout": Duration, "10m", "How long a call waits for a debugger at `kt::breakpoint!()`";
    }
    Pod {
        "image": Text, "debian:12-slim", "Image of the pod";
        "glibc": Version, "", "Version of glibc to link against, such as 2.31, for an image's own [default: this machine's]";
        "image_pull_policy": Choice(&["Always", "IfNotPresent", "Never"]), "", "When to pull the image";
        "image_pull_secrets": List, "", "Secrets with registry credentials";
        "replicas": Number(1, 1), "1", "Number of pods; currently always 1";
        "cpu": Quantity, "1", "CPU request and limit of the pod";
        "memory": Quantity, "2Gi", "Memory request and limit of the pod";
        "ephemeral_storage": Quantity, "", "Ephemeral storage request and limit of the pod";
        "gpus": Number(0, 1024), "0", "Number of GPUs of the pod";
        "gpu_resource": Text, "nvidia.com/gpu", "Resource name of GPUs in the cluster";
        "env": Map, "", "Environment variable of the pod";
        "secrets": Objects, "", "Secrets: [{name, env: true}] as variables, [{name, mount: /path}] as files";
        "volumes": Objects, "", "Volumes: [{name, mount, claim}], or with empty_dir: SIZE or host_path: /path instead of claim";
        "working_dir": Path, "", "Working directory of the pod [default: the image's]";
        "user": User, "65532", "User and group ID in the pod, or `image` for the image's own user";
    }
    Cluster {
        "node_selector": Map, "", "Label that the node must have";
        "tolerations": Objects, "", "Tolerations for node taints";
        "affinity": Object, "", "Node and pod affinity";
        "priority_class": Text, "", "PriorityClass of the pod";
        "runtime_class": Text, "", "RuntimeClass of the pod";
        "service_account": Label, "", "ServiceAccount of the pod [default: created for the service]";
        "labels": Map, "", "Label of the pod";
        "annotations": Map, "", "Annotation of the pod";
        "pod_template": Object, "", "Patch merged into the pod template";
    }
};

/// Local defaults that differ from those in a cluster. An idle local process costs other users
/// nothing, and its state should survive a lunch break.
const LOCAL_DEFAULTS: &[(&str, &str)] = &[("inactivity_ttl", "8h")];

impl ServiceOption {
    /// The local default, if it differs.
    pub fn local_default(&self) -> Option<&'static str> {
        let (_, default) = LOCAL_DEFAULTS.iter().find(|(name, _)| *name == self.name)?;
        Some(default)
    }

    /// `--inactivity-ttl` without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `KT_INACTIVITY_TTL`.
    pub fn variable(&self) -> String {
        format!("KT_{}", self.name.to_uppercase())
    }

    pub(super) fn default_value(&self, place: PlaceKind) -> Value {
        let default = match place {
            PlaceKind::Local => self.local_default().unwrap_or(self.default),
            PlaceKind::Kubernetes => self.default,
        };
        match (default, self.kind) {
            ("", Kind::Map | Kind::Object) => Value::Object(serde_json::Map::new()),
            ("", Kind::List | Kind::Objects) => Value::Array(Vec::new()),
            ("", _) => Value::Null,
            (text, Kind::Number(..) | Kind::Switch | Kind::User) => {
                serde_json::from_str(text).unwrap_or_default()
            }
            (text, _) => Value::String(text.to_owned()),
        }
    }
}

/// Finds an option by name.
pub(super) fn find(name: &str, origin: &str) -> Result<&'static ServiceOption, ConfigError> {
    let wanted = name.replace('-', "_");
    if let Some(found) = OPTIONS.iter().find(|option| option.name == wanted) {
        return Ok(found);
    }
    let distance = |option: &&ServiceOption| strsim::damerau_levenshtein(option.name, &wanted);
    let nearest = OPTIONS.iter().min_by_key(distance);
    let nearest = nearest.filter(|option| distance(option) <= wanted.len() / 2);
    Err(ConfigError::Unknown {
        name: name.to_owned(),
        origin: origin.to_owned(),
        nearest: nearest.map(|option| option.name.to_owned()),
    })
}

/// Rejects a variable with a misspelled option name. Other programs may use variables that start
/// with `KT_`, so only a long name with at most two wrong letters counts.
pub(super) fn check_variable(name: &str) -> Result<(), ConfigError> {
    let Some(wanted) = name.strip_prefix("KT_").filter(|it| it.len() > 5) else {
        return Ok(());
    };
    let wanted = wanted.to_lowercase();
    let distance = |option: &&ServiceOption| strsim::damerau_levenshtein(option.name, &wanted);
    match OPTIONS.iter().min_by_key(distance) {
        Some(nearest) if (1..=2).contains(&distance(&nearest)) => Err(ConfigError::Unknown {
            name: name.to_owned(),
            origin: "environment".to_owned(),
            nearest: Some(nearest.variable()),
        }),
        _ => Ok(()),
    }
}
