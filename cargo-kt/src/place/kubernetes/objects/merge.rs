//! A patch over a pod's template, in the manner of Kubernetes' strategic merge: objects are merged, lists of named things by
//! their names, `null` takes away. Source: `patchMergeKey` in `staging/src/k8s.io/api/core/v1/types.go` of Kubernetes.

use serde_json::Value;

/// By which field the things in a list are told apart.
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

/// Puts `patch` over `value`, which stands in a field of this name.
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
                    Some(there) => merge(there, patch, ""),
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

/// In what is new, `null` takes nothing away; it is not there.
fn clean(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(clean);
    }
}
