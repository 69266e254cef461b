//! The machine-readable page, in base units.

use kt::wire::{control::Death, inspect::CallInFlight, platform::ImageGlibc};
use serde_json::{Value, json};

use super::Described;

pub(super) fn page(described: &Described) -> Value {
    let Described {
        place,
        image,
        status,
        inspection,
        states,
    } = described;
    let glibc = match status.platform.glibc {
        ImageGlibc::Version(version) => Some(version.to_string()),
        ImageGlibc::Missing | ImageGlibc::Unknown => None,
    };
    json!({
        "name": status.service,
        "place": place.to_string(),
        "image": image,
        "workspace": status.workspace,
        "kt_version": status.kt_version,
        "architecture": status.platform.architecture,
        "glibc": glibc,
        "host_pid": status.host_pid,
        "uptime_ms": status.uptime_ms,
        "ttl_ms": status.ttl_ms,
        "ttl_left_ms": status.ttl_left_ms,
        "directory": inspection.directory,
        "logs": format!("{}/logs", inspection.directory),
        "limits": {
            "body_bytes": inspection.body_limit,
            "memory_bytes": inspection.limits.memory_bytes,
            "cpu_milli": inspection.limits.cpu_milli,
            "processes": inspection.limits.processes,
        },
        "generation": status.current.as_ref().map(|(generation, manifest)| json!({
            "number": generation,
            "program": manifest.program,
            "profile": manifest.profile,
            "target": manifest.target,
            "rustc": manifest.rustc,
            "base": manifest.worker.base.object.id.to_string(),
            "crates": manifest.crates.iter().map(|it| json!({
                "package": it.package,
                "crate": it.crate_name,
                "object": it.object.id.to_string(),
                "build_id": it.object.build_id,
                "bytes": it.object.size,
                "functions": it.functions,
                "states": it.states.iter().map(|state| &state.key).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })),
        "worker": status.worker.as_ref().map(|worker| json!({
            "pid": worker.id.pid,
            "instance": worker.id.instance,
            "uptime_ms": worker.uptime_ms,
            "use": inspection.worker.as_ref().map(|it| json!({
                "cpu_ms": it.usage.cpu_ms,
                "rss": it.usage.rss,
                "threads": it.usage.threads,
                "open_files": it.usage.open_files,
                "open_files_limit": it.usage.open_files_limit,
                "reloads": it.reloads,
            })),
            "calls": inspection.worker.as_ref().and_then(|it| it.calls.as_ref()).map(|calls| json!({
                "in_flight": calls.calls.iter().map(call).collect::<Vec<_>>(),
                "left_out": calls.more,
            })),
        })),
        "gpus": inspection.gpus,
        "states": states.as_ref().ok(),
        "states_error": states.as_ref().err(),
        "deaths": inspection.deaths.iter().map(death).collect::<Vec<_>>(),
    })
}

/// A call in flight.
pub(in crate::command) fn call(it: &CallInFlight) -> Value {
    json!({
        "number": it.call.number,
        "function": it.call.function,
        "generation": it.call.generation,
        "age_ms": it.age_ms,
    })
}

fn death(death: &Death) -> Value {
    json!({
        "pid": death.worker.pid,
        "instance": death.worker.instance,
        "generation": death.generation,
        "how": death.how,
        "max_rss": death.max_rss,
        "out_of_memory": death.out_of_memory,
        "uptime_ms": death.uptime_ms,
    })
}
