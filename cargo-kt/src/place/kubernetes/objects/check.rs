//! Whether a patched template still has what the pod is entered by.

use serde_json::Value;

use super::ObjectsError;
use crate::place::kubernetes::launch::CONTAINER;

/// Fields of our container that are ours.
const FIELDS: [&str; 3] = ["command", "args", "readinessProbe"];

/// Compares what kt made with what came of it.
///
/// # Errors
/// With the path of the first thing that kt needs as it was.
pub fn check(ours: &Value, merged: &Value) -> Result<(), ObjectsError> {
    let path = |path: String| Err(ObjectsError::Ours { path });
    for (name, label) in ours["metadata"]["labels"].as_object().into_iter().flatten() {
        if merged["metadata"]["labels"][name] != *label {
            return path(format!("metadata.labels[{name}]"));
        }
    }
    let (ours, merged) = (&ours["spec"], &merged["spec"]);
    if ours["restartPolicy"] != merged["restartPolicy"] {
        return path("spec.restartPolicy".into());
    }
    let at = format!("spec.containers[{CONTAINER}]");
    let (Some(container), Some(after)) = (
        named(&ours["containers"], CONTAINER),
        named(&merged["containers"], CONTAINER),
    ) else {
        return path(at);
    };
    for field in FIELDS {
        if container[field] != after[field] {
            return path(format!("{at}.{field}"));
        }
    }
    for mount in ours_of(&container["volumeMounts"]) {
        let mounts = after["volumeMounts"].as_array();
        if !mounts.is_some_and(|all| all.contains(mount)) {
            return path(format!(
                "{at}.volumeMounts[{}]",
                mount["mountPath"].as_str().unwrap_or_default()
            ));
        }
    }
    for volume in ours_of(&ours["volumes"]) {
        let name = volume["name"].as_str().unwrap_or_default();
        if named(&merged["volumes"], name) != Some(volume) {
            return path(format!("spec.volumes[{name}]"));
        }
    }
    Ok(())
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|it| it["name"] == name)
}

fn ours_of(list: &Value) -> impl Iterator<Item = &Value> {
    let all = list.as_array().into_iter().flatten();
    all.filter(|it| {
        it["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("kt-"))
    })
}
