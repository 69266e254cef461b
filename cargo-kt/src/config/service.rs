//! The resolved options of a service, with their types.

use std::{collections::BTreeMap, time::Duration};

use kt::wire::platform::Glibc;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{ConfigError, PlaceKind, Resolved, ServiceOption, duration};

/// The configuration of a service.
#[derive(Debug, Clone)]
pub struct Service {
    pub place: PlaceKind,
    pub context: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub inactivity_ttl: Duration,
    pub body_limit: usize,
    pub breakpoint_timeout: Duration,
    pub launch_timeout: Duration,
    pub keep: bool,
    pub image: String,
    /// The version to link against; `None`: the image's.
    pub glibc: Option<Glibc>,
    pub image_pull_policy: Option<String>,
    pub image_pull_secrets: Vec<String>,
    pub cpu: String,
    pub memory: String,
    pub ephemeral_storage: Option<String>,
    pub gpus: u64,
    pub gpu_resource: String,
    pub env: BTreeMap<String, String>,
    pub secrets: Vec<Secret>,
    pub volumes: Vec<Volume>,
    pub working_dir: Option<String>,
    /// `None`: the image's own user.
    pub user: Option<u64>,
    pub node_selector: BTreeMap<String, String>,
    pub tolerations: Vec<Value>,
    pub affinity: Value,
    pub priority_class: Option<String>,
    pub runtime_class: Option<String>,
    pub service_account: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub pod_template: Value,
}

/// A Secret of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub name: String,
    /// Whether its keys become variables.
    #[serde(default)]
    pub env: bool,
    /// The directory in which its keys become files.
    pub mount: Option<String>,
}

/// A volume of the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub mount: String,
    pub source: VolumeSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeSource {
    /// The name of a PersistentVolumeClaim.
    Claim(String),
    /// The size limit, if any.
    EmptyDir(Option<String>),
    HostPath(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVolume {
    name: String,
    mount: String,
    claim: Option<String>,
    empty_dir: Option<String>,
    host_path: Option<String>,
}

/// The resolved options, accessed by name.
pub(super) struct Options<'a>(&'a [(&'static ServiceOption, Resolved)]);

impl Options<'_> {
    fn find(&self, name: &'static str) -> Option<&(&'static ServiceOption, Resolved)> {
        self.0.iter().find(|(option, _)| option.name == name)
    }

    fn value(&self, name: &'static str) -> &Value {
        self.find(name).map_or(&Value::Null, |(_, it)| &it.value)
    }

    fn text(&self, name: &'static str) -> Option<String> {
        match self.value(name) {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn duration(&self, name: &'static str) -> Duration {
        let text = self.text(name).unwrap_or_default();
        duration::parse(&text).unwrap_or_default()
    }

    fn map(&self, name: &'static str) -> BTreeMap<String, String> {
        let empty = Map::new();
        let map = self.value(name).as_object().unwrap_or(&empty);
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        map.iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    fn objects<T: DeserializeOwned>(&self, name: &'static str) -> Result<Vec<T>, ConfigError> {
        let objects = self.value(name).as_array().cloned().unwrap_or_default();
        let read = |object: Value| {
            serde_json::from_value(object)
                .map_err(|error| self.conflict(name, format!("is invalid: {error}")))
        };
        objects.into_iter().map(read).collect()
    }

    pub(super) fn conflict(&self, name: &'static str, why: String) -> ConfigError {
        let origin = self.find(name).map(|(_, it)| it.origin.clone());
        ConfigError::Conflict {
            name,
            why,
            origin: origin.unwrap_or_default(),
        }
    }
}

impl Service {
    /// # Errors
    /// If an element of a list is invalid, or two options conflict.
    pub(super) fn of(options: &[(&'static ServiceOption, Resolved)]) -> Result<Self, ConfigError> {
        let options = Options(options);
        let number = |name| options.value(name).as_u64().unwrap_or_default();
        let text = |name| options.text(name).unwrap_or_default();
        let list = |name| -> Vec<String> {
            let list = options.value(name).as_array().into_iter().flatten();
            list.filter_map(|it| it.as_str().map(str::to_owned))
                .collect()
        };
        let service = Self {
            place: PlaceKind::named(&text("place")),
            context: options.text("context"),
            namespace: options.text("namespace"),
            name: options.text("name"),
            inactivity_ttl: options.duration("inactivity_ttl"),
            body_limit: usize::try_from(number("body_limit")).unwrap_or(usize::MAX),
            breakpoint_timeout: options.duration("breakpoint_timeout"),
            launch_timeout: options.duration("launch_timeout"),
            keep: options.value("keep").as_bool().unwrap_or_default(),
            image: text("image"),
            // `check` has rejected invalid versions.
            glibc: options.text("glibc").and_then(|it| it.parse().ok()),
            image_pull_policy: options.text("image_pull_policy"),
            image_pull_secrets: list("image_pull_secrets"),
            cpu: text("cpu"),
            memory: text("memory"),
            ephemeral_storage: options.text("ephemeral_storage"),
            gpus: number("gpus"),
            gpu_resource: text("gpu_resource"),
            env: options.map("env"),
            secrets: options.objects("secrets")?,
            volumes: volumes(&options)?,
            working_dir: options.text("working_dir"),
            user: options.value("user").as_u64(),
            node_selector: options.map("node_selector"),
            tolerations: options.objects("tolerations")?,
            affinity: options.value("affinity").clone(),
            priority_class: options.text("priority_class"),
            runtime_class: options.text("runtime_class"),
            service_account: options.text("service_account"),
            labels: options.map("labels"),
            annotations: options.map("annotations"),
            pod_template: options.value("pod_template").clone(),
        };
        service.check(&options)?;
        Ok(service)
    }
}

fn volumes(options: &Options<'_>) -> Result<Vec<Volume>, ConfigError> {
    let written: Vec<WrittenVolume> = options.objects("volumes")?;
    let read = |volume: WrittenVolume| {
        let WrittenVolume {
            name,
            mount,
            claim,
            empty_dir,
            host_path,
        } = volume;
        let source = match (claim, empty_dir, host_path) {
            (Some(claim), None, None) => VolumeSource::Claim(claim),
            (None, Some(size), None) if size.is_empty() => VolumeSource::EmptyDir(None),
            (None, Some(size), None) => {
                if !super::quantity::is_positive(&size) {
                    return Err(options.conflict(
                        "volumes",
                        format!(
                            "has the invalid size `{size}` for `{name}`: expected a quantity such as `2Gi`"
                        ),
                    ));
                }
                VolumeSource::EmptyDir(Some(size))
            }
            (None, None, Some(path)) => VolumeSource::HostPath(path),
            _ => {
                let why =
                    format!("must have one of `claim`, `empty_dir` and `host_path` for `{name}`");
                return Err(options.conflict("volumes", why));
            }
        };
        Ok(Volume {
            name,
            mount,
            source,
        })
    };
    written.into_iter().map(read).collect()
}
