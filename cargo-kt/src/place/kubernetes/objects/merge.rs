//! Applies a patch to a pod template like Kubernetes' strategic merge: objects are merged, lists
//! are merged by the key of their items, `null` removes a field. Source: `patchMergeKey` in
//! `staging/src/k8s.io/api/core/v1/types.go` of Kubernetes.

use serde_json::Value;

/// The key that identifies the items of a list.
fn key(list: &str) -> Option<&'static str> {
    match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "ports" => Some("containerPort"),
        "hostAliases" => Some("ip"),
        "topologySpreadConstraints" => Some("topologyKey"),
        _ => None,
    }
}

/// Merges `patch` into `value`, which is the value of the field named `field`.
pub fn merge(value: &mut Value, patch: &Value, field: &str) {
    match (value, patch) {
        (Value::Object(value), Value::Object(patch)) => {
            for (name, patch) in patch {
                match patch {
                    Value::Null => {
                        value.remove(name);
                    }
                    _ => merge(value.entry(name).or_insert(Value::Null), patch, name),
                }
            }
        }
        (Value::Array(value), Value::Array(patch)) if field == "tolerations" => {
            value.extend(patch.iter().cloned());
        }
        (Value::Array(value), Value::Array(patch)) if key(field).is_some() => {
            let key = key(field).unwrap_or_default();
            for patch in patch {
                let same = |it: &&mut Value| !patch[key].is_null() && it[key] == patch[key];
                match value.iter_mut().find(same) {
                    Some(item) => merge(item, patch, ""),
                    None => value.push(patch.clone()),
                }
            }
        }
        (value, patch) => {
            *value = patch.clone();
            clean(value);
        }
    }
}

/// Removes `null` fields from a new value, which has nothing to remove.
fn clean(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(clean);
    }
}
