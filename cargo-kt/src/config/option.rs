//! The options, all of them, in one table: the command line, the environment and the files all go by it.

use serde_json::Value;

use super::ConfigError;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// A DNS label (RFC 1123).
    Label,
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

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub struct ServiceOption {
    /// As in Cargo.toml; `--name-so` and `KT_NAME_SO` elsewhere.
    pub name: &'static str,
    pub kind: Kind,
    /// As written; empty if it has none.
    pub default: &'static str,
    pub help: &'static str,
}

const fn option(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> ServiceOption {
    ServiceOption {
        name,
        kind,
        default,
        help,
    }
}

use Kind::{
    Choice, Duration, Label, List, Map, Number, Object, Objects, Quantity, Switch, Text, User,
    Version,
};

/// Every option.
pub const OPTIONS: &[ServiceOption] = &[
    option(
        "place",
        Choice(&["local", "kubernetes"]),
        "local",
        "Where the service lives: local or kubernetes",
    ),
    option(
        "context",
        Text,
        "",
        "Context of the kubeconfig; its current one if none is said",
    ),
    option(
        "namespace",
        Label,
        "",
        "Namespace in the cluster; the context's if none is said",
    ),
    option(
        "name",
        Label,
        "",
        "Name of the service; the user's and the program's if none is said",
    ),
    option(
        "inactivity_ttl",
        Duration,
        "10m",
        "How long the service stays up without a call, such as 10m or 2h",
    ),
    option(
        "body_limit",
        Number(1, 1 << 40),
        "268435456",
        "Largest arguments or result of a call, bytes",
    ),
    option(
        "launch_timeout",
        Duration,
        "60s",
        "How long the pod may take to run",
    ),
    option(
        "keep",
        Switch,
        "false",
        "Leave what a failed launch made, to look at",
    ),
    option(
        "image",
        Text,
        "debian:12-slim",
        "Image of the pod: any with glibc",
    ),
    option(
        "glibc",
        Version,
        "",
        "Version of glibc to link for, such as 2.31; the image's if none is said",
    ),
    option(
        "image_pull_policy",
        Choice(&["Always", "IfNotPresent", "Never"]),
        "",
        "When the image is pulled",
    ),
    option(
        "image_pull_secrets",
        List,
        "",
        "Secrets with credentials for the registry",
    ),
    option(
        "replicas",
        Number(1, 1),
        "1",
        "Pods of the service; one, for now",
    ),
    option("cpu", Quantity, "1", "CPUs of the pod: request and limit"),
    option(
        "memory",
        Quantity,
        "2Gi",
        "Memory of the pod: request and limit",
    ),
    option(
        "ephemeral_storage",
        Quantity,
        "",
        "Disk of the pod: request and limit",
    ),
    option("gpus", Number(0, 1024), "0", "GPUs of the pod"),
    option(
        "gpu_resource",
        Text,
        "nvidia.com/gpu",
        "The cluster's name for a GPU",
    ),
    option("env", Map, "", "A variable of the pod's environment"),
    option(
        "secrets",
        Objects,
        "",
        "Secrets: [{name, env: true}] for variables, [{name, mount: /path}] for files",
    ),
    option(
        "volumes",
        Objects,
        "",
        "Volumes: [{name, mount, claim}], or empty_dir: SIZE, or host_path: /path",
    ),
    option(
        "working_dir",
        Text,
        "",
        "The pod's working directory; the image's if none is said",
    ),
    option(
        "user",
        User,
        "65532",
        "User and group in the pod, a number; `image` for the image's own",
    ),
    option("node_selector", Map, "", "A label that the node must have"),
    option(
        "tolerations",
        Objects,
        "",
        "Taints of nodes that the pod bears",
    ),
    option(
        "affinity",
        Object,
        "",
        "Which nodes and pods the pod likes to be near",
    ),
    option("priority_class", Text, "", "PriorityClass of the pod"),
    option("runtime_class", Text, "", "RuntimeClass of the pod"),
    option(
        "service_account",
        Label,
        "",
        "ServiceAccount of the pod; one of its own if none is said",
    ),
    option("labels", Map, "", "A label of the pod"),
    option("annotations", Map, "", "An annotation of the pod"),
    option(
        "pod_template",
        Object,
        "",
        "Whatever else the pod's template shall have",
    ),
];

impl ServiceOption {
    /// `--inactivity-ttl` without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `KT_INACTIVITY_TTL`.
    pub fn variable(&self) -> String {
        format!("KT_{}", self.name.to_uppercase())
    }

    pub(super) fn default_value(&self) -> Value {
        match (self.default, self.kind) {
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
