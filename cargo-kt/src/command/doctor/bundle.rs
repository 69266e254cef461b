//! Collects what a bug report needs to know about a machine, without its secrets. The bundle has
//! only selected data: names of variables without their values, contexts of the kubeconfig without
//! users' credentials, pages of services without their environment, and the hosts' own logs. It
//! omits the output of functions and the values of states. Finally [`Secrets`] filters everything,
//! because a log may quote a secret.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

use super::{check::Check, cluster, redact::Secrets, zip};
use crate::{
    command::{describe, places::PlaceArgs},
    linux,
    place::{Dirs, Service, State, kubernetes, local::HOST_LOGS},
};

/// Bytes kept from the end of a host's log.
const LOG_TAIL: usize = 64 << 10;

/// Writes the bundle.
///
/// # Errors
/// If the file exists already or cannot be written. Data that cannot be read is recorded as an
/// error in the bundle.
pub(super) async fn write(file: &Path, checks: &[Check], places: &PlaceArgs) -> io::Result<()> {
    let variables = || {
        std::env::vars_os().map(|(name, value)| {
            (
                name.to_string_lossy().into(),
                value.to_string_lossy().into(),
            )
        })
    };
    let secrets = Secrets::of_environment(variables());
    let mut texts = vec![
        ("checks.json".to_owned(), pretty(&json!(checks))),
        ("versions.json".to_owned(), pretty(&versions())),
        (
            "environment.json".to_owned(),
            pretty(&environment(variables())),
        ),
        ("kubeconfig.json".to_owned(), pretty(&cluster::kubeconfig())),
        ("services.json".to_owned(), pretty(&services(places).await)),
    ];
    for dirs in Dirs::current().iter() {
        texts.extend(host_logs(dirs));
        texts.extend(tunnel_logs(dirs));
    }
    for (_, text) in &mut texts {
        *text = secrets.remove(text);
    }
    zip::write(file, &texts)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn versions() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    json!({
        "kt": kt::wire::VERSION,
        "kernel": linux::release(),
        "glibc": kt::host::glibc().map(|glibc| glibc.to_string()),
        "distribution": read("/etc/os-release").lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

/// The names of variables that builds and kt read.
fn environment(variables: impl Iterator<Item = (String, String)>) -> Value {
    let ours = |name: &String| {
        [
            "KT_",
            "CARGO",
            "RUST",
            "CC",
            "CFLAGS",
            "LD_",
            "KUBECONFIG",
            "XDG_",
        ]
        .iter()
        .any(|start| name.starts_with(start))
    };
    let mut names: Vec<String> = variables.map(|(name, _)| name).filter(ours).collect();
    names.sort();
    json!({"set": names})
}

async fn services(places: &PlaceArgs) -> Value {
    let listed = async {
        let places = places.places()?;
        let services = places.list(false).await?;
        let mut pages = Vec::new();
        for service in services {
            pages.push(page(&places, &service).await);
        }
        Ok::<_, crate::place::PlaceError>(pages)
    };
    match listed.await {
        Ok(pages) => json!(pages),
        Err(error) => json!({"error": error.to_string()}),
    }
}

async fn page(places: &crate::place::Places, service: &Service) -> Value {
    let unknown =
        |why: &str| json!({"name": service.name, "place": service.place.to_string(), "error": why});
    if let State::Unreachable(why) = &service.state {
        return unknown(why);
    }
    match describe::without_values(places, &service.name).await {
        Ok(page) => page,
        Err(error) => unknown(&error.to_string()),
    }
}

/// A log without the quoted output of workers that died: those lines have no timestamp.
fn own_lines(log: &str) -> String {
    let has_time = |line: &&str| line.starts_with(|letter: char| letter.is_ascii_digit());
    let lines = log.lines().filter(has_time);
    lines.map(|line| format!("{line}\n")).collect()
}

/// The tails of the logs of hosts on this machine.
fn host_logs(dirs: &Dirs) -> Vec<(String, String)> {
    let services = fs::read_dir(dirs.cache.join("services"));
    let services = services.into_iter().flatten().flatten();
    services
        .flat_map(|service| {
            let folder = format!("services/{}", service.file_name().to_string_lossy());
            tails(&service.path(), &HOST_LOGS, folder)
        })
        .collect()
}

/// The tails of the logs of tunnels.
fn tunnel_logs(dirs: &Dirs) -> Vec<(String, String)> {
    kubernetes::tunnel_folders(dirs)
        .into_iter()
        .flat_map(|(name, folder)| {
            tails(&folder, &kubernetes::TUNNEL_LOGS, format!("tunnels/{name}"))
        })
        .collect()
}

/// The tails of the log files in a directory, with their names in the bundle.
fn tails(directory: &Path, names: &[&str], folder: String) -> Vec<(String, String)> {
    let tail = |name: &&str| {
        let bytes = fs::read(directory.join(name)).ok()?;
        let end = &bytes[bytes.len().saturating_sub(LOG_TAIL)..];
        let text = own_lines(&String::from_utf8_lossy(end));
        Some((format!("{folder}/{name}"), text))
    };
    names.iter().filter_map(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_nothing_that_a_worker_printed() {
        let log = "2026-01-01T00:00:00Z worker 7: the worker exited with code 1; its last output:\nSEKRIT\n2026-01-01T00:00:01Z ended\n";
        let kept = own_lines(log);
        assert_eq!(kept.lines().count(), 2);
        assert!(!kept.contains("SEKRIT"), "{kept}");
    }

    #[test]
    fn variables_keep_no_values() {
        let variables = [("KT_ENV", "A=SEKRIT"), ("AWS_SECRET_ACCESS_KEY", "SEKRIT")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            environment(variables.into_iter()),
            json!({"set": ["KT_ENV"]})
        );
    }
}
