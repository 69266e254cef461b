//! The options, all of them, in one table: the command line, the environment and the files all go by it.

use serde_json::Value;

use super::{ConfigError, PlaceKind};

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// A DNS label (RFC 1123).
    Label,
    /// An absolute path in the pod.
    Path,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A Kubernetes quantity above zero, such as `500m` or `2Gi`.
    Quantity,
    /// A whole number from … to ….
    Number(u64, u64),
    /// `true` or `false`; as a flag it stands alone.
    Switch,
    /// Such as `90s` or `10m`.
    Duration,
    /// A user's number, or `image`.
    User,
    /// A version of two numbers, such as `2.31`.
    Version,
    /// Names and texts.
    Map,
    /// Texts.
    List,
    /// A list of objects of the cluster's own form, or of ours.
    Objects,
    /// An object of the cluster's own form.
    Object,
}

/// What an option is about, for tables and help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where the service is and how long.
    Service,
    /// What is in its pod. Nothing of it holds for the place `local`.
    Pod,
    /// Where in the cluster the pod runs, and as what.
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
    /// As in Cargo.toml; `--name-so` and `KT_NAME_SO` elsewhere.
    pub name: &'static str,
    pub kind: Kind,
    /// As written; empty if it has none. In a cluster, where [`LOCAL_DEFAULTS`] has another.
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
        "place": Choice(&["local", "kubernetes"]), "local", "Where the service lives: on this machine, or in a cluster";
        "context": Text, "", "Context of the kubeconfig [default: its current one]";
        "namespace": Label, "", "Namespace in the cluster [default: the context's]";
        "name": Label, "", "Name of the service [default: of the user, the program, and the profile unless it is dev]";
        "inactivity_ttl": Duration, "10m", "How long the service stays up without a call";
        "launch_timeout": Duration, "60s", "How long the pod may take to run";
        "keep": Switch, "false", "Leave what a failed launch made, to look at";
        "body_limit": Number(1, 1 << 40), "268435456", "Largest arguments or result of a call, bytes";
        "breakpoint_timeout": Duration, "10m", "How long a call at `kt::breakpoint!()` waits for a debugger";
    }
    Pod {
        "image": Text, "debian:12-slim", "Image of the pod: any with glibc";
        "glibc": Version, "", "Version of glibc to link for, such as 2.31 [default: the image's]";
        "image_pull_policy": Choice(&["Always", "IfNotPresent", "Never"]), "", "When the image is pulled";
        "image_pull_secrets": List, "", "Secrets with credentials for the registry";
        "replicas": Number(1, 1), "1", "Pods of the service; one, for now";
        "cpu": Quantity, "1", "CPUs of the pod, request and limit";
        "memory": Quantity, "2Gi", "Memory of the pod, request and limit";
        "ephemeral_storage": Quantity, "", "Disk of the pod, request and limit";
        "gpus": Number(0, 1024), "0", "GPUs of the pod";
        "gpu_resource": Text, "nvidia.com/gpu", "The cluster's name for a GPU";
        "env": Map, "", "A variable of the pod's environment";
        "secrets": Objects, "", "Secrets: [{name, env: true}] for variables, [{name, mount: /path}] for files";
        "volumes": Objects, "", "Volumes: [{name, mount, claim}], or empty_dir: SIZE, or host_path: /path";
        "working_dir": Path, "", "The pod's working directory [default: the image's]";
        "user": User, "65532", "User and group in the pod, a number; `image` for the image's own";
    }
    Cluster {
        "node_selector": Map, "", "A label that the node must have";
        "tolerations": Objects, "", "Taints of nodes that the pod bears";
        "affinity": Object, "", "Which nodes and pods the pod likes to be near";
        "priority_class": Text, "", "PriorityClass of the pod";
        "runtime_class": Text, "", "RuntimeClass of the pod";
        "service_account": Label, "", "ServiceAccount of the pod [default: one of its own]";
        "labels": Map, "", "A label of the pod";
        "annotations": Map, "", "An annotation of the pod";
        "pod_template": Object, "", "Whatever else the pod's template shall have";
    }
};

/// Defaults on this machine that differ from those in a cluster. A process that waits here costs nobody else anything, and its
/// state should outlive a lunch.
const LOCAL_DEFAULTS: &[(&str, &str)] = &[("inactivity_ttl", "8h")];

impl ServiceOption {
    /// The default on this machine, if it has one of its own.
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

/// The option of this name.
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

/// Refuses a variable that was meant for an option. Others that begin with `KT_` may be anybody's: only a long name with at
/// most two letters wrong is certain.
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
