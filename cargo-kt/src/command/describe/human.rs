//! The human-readable page.

use std::time::Duration;

use kt::wire::{
    control::{Death, Exit, Status},
    inspect::{CallsInFlight, GroupLimits, Usage},
    manifest::Manifest,
    platform::ImageGlibc,
};

use super::Described;
use crate::{
    command::state,
    place::PlaceName,
    terminal::text::{bytes, count, duration, table},
};

/// Hash digits shown.
const HASH: usize = 12;

pub(super) fn page(described: &Described) -> String {
    let mut page = fields(&facts(described));
    if let Some((_, manifest)) = &described.status.current {
        section(&mut page, "Crates", &crates(manifest));
    }
    let states = match &described.states {
        Ok(states) if states.is_empty() => String::new(),
        Ok(states) => state::rows(states),
        // Without a worker there are no states.
        Err(_) if described.status.worker.is_none() => String::new(),
        Err(why) => format!("unknown: {why}\n"),
    };
    section(&mut page, "States", &states);
    let calls = described.inspection.worker.as_ref();
    section(
        &mut page,
        "Calls",
        &calls.map_or_else(String::new, |worker| calls_of(worker.calls.as_ref())),
    );
    section(
        &mut page,
        "Exited workers",
        &deaths(&described.inspection.deaths),
    );
    page
}

fn section(page: &mut String, title: &str, text: &str) {
    let text = if text.is_empty() { "none\n" } else { text };
    page.push_str(&format!("\n{title}:\n"));
    for line in text.lines() {
        page.push_str(format!("  {line}").trim_end());
        page.push('\n');
    }
}

/// Names and values, in two columns.
fn fields(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    let line = |(name, value): &(&str, String)| format!("{:<width$} {value}\n", format!("{name}:"));
    facts.iter().map(line).collect()
}

fn facts(described: &Described) -> Vec<(&'static str, String)> {
    let Described {
        place,
        image,
        status,
        inspection,
        ..
    } = described;
    let mut facts = vec![
        ("Name", status.service.clone()),
        ("Place", place.to_string()),
    ];
    if *place != PlaceName::Local {
        facts.push((
            "Image",
            image.clone().unwrap_or_else(|| "unknown".to_owned()),
        ));
    }
    facts.extend(host(status));
    if let Some(worker) = &inspection.worker {
        facts.push(("Uses", usage(&worker.usage)));
        facts.push(("Reloads", worker.reloads.to_string()));
    }
    facts.extend(code(status));
    facts.extend([
        (
            "Call limit",
            format!("{} for arguments or result", bytes(inspection.body_limit)),
        ),
        ("Group limits", limits(&inspection.limits)),
        ("Logs", format!("{}/logs", inspection.directory)),
    ]);
    let gpus = inspection.gpus.iter();
    facts.extend(gpus.map(|gpu| ("GPU", format!("{}, {}", gpu.name, bytes(gpu.memory_total)))));
    facts
}

fn milliseconds(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

/// The host and its worker.
fn host(status: &Status) -> [(&'static str, String); 5] {
    let glibc = match status.platform.glibc {
        ImageGlibc::Version(version) => format!(", glibc {version}"),
        ImageGlibc::Missing => ", no glibc".to_owned(),
        ImageGlibc::Unknown => String::new(),
    };
    let worker = status.worker.as_ref().map(|worker| {
        format!(
            "process {} (worker {}), up for {}",
            worker.id.pid,
            worker.id.instance,
            milliseconds(worker.uptime_ms)
        )
    });
    [
        ("Workspace", status.workspace.clone()),
        (
            "Platform",
            format!("{}{glibc}", status.platform.architecture),
        ),
        (
            "Host",
            format!(
                "process {}, kt {}, up for {}",
                status.host_pid,
                status.kt_version,
                milliseconds(status.uptime_ms)
            ),
        ),
        (
            "Idle timeout",
            format!(
                "{}, {} left",
                milliseconds(status.ttl_ms),
                milliseconds(status.ttl_left_ms)
            ),
        ),
        ("Worker", worker.unwrap_or_else(|| "none".to_owned())),
    ]
}

fn usage(usage: &Usage) -> String {
    let limit = usage
        .open_files_limit
        .map_or_else(String::new, |limit| format!(" of {limit}"));
    format!(
        "{} of CPU time, {} of memory, {}, {} open files{limit}",
        milliseconds(usage.cpu_ms),
        bytes(usage.rss),
        count(
            usize::try_from(usage.threads).unwrap_or(usize::MAX),
            "thread"
        ),
        usage.open_files,
    )
}

/// The code that serves.
fn code(status: &Status) -> Vec<(&'static str, String)> {
    let Some((generation, manifest)) = &status.current else {
        return vec![("Generation", "none".to_owned())];
    };
    let rustc = manifest.rustc.lines().next().unwrap_or_default();
    vec![
        ("Generation", generation.to_string()),
        (
            "Program",
            format!("{} (profile {})", manifest.program, manifest.profile),
        ),
        ("Compiler", format!("{rustc}, {}", manifest.target)),
        ("Base", short(&manifest.worker.base.object.id.to_string())),
    ]
}

fn limits(limits: &GroupLimits) -> String {
    let memory = limits
        .memory_bytes
        .map(|limit| format!("memory {}", bytes(limit)));
    let cpu = limits
        .cpu_milli
        .map(|milli| format!("CPUs {}", milli as f64 / 1e3));
    let processes = limits.processes.map(|limit| format!("processes {limit}"));
    let all: Vec<String> = [memory, cpu, processes].into_iter().flatten().collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(", "),
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(HASH).collect()
}

fn crates(manifest: &Manifest) -> String {
    let mut rows = vec![["CRATE", "OBJECT", "SIZE", "FUNCTIONS", "STATES"].map(str::to_owned)];
    rows.extend(manifest.crates.iter().map(|it| {
        [
            it.crate_name.clone(),
            short(&it.object.id.to_string()),
            bytes(it.object.size),
            it.functions.len().to_string(),
            it.states.len().to_string(),
        ]
    }));
    table(&rows)
}

fn calls_of(calls: Option<&CallsInFlight>) -> String {
    let Some(calls) = calls else {
        return "unknown: the worker did not answer in time because all its threads are busy\n"
            .to_owned();
    };
    if calls.calls.is_empty() {
        return String::new();
    }
    let mut text = table_of_calls(calls);
    if calls.more > 0 {
        text += &format!("and {} more\n", calls.more);
    }
    text
}

/// A line for each call, oldest first.
pub(in crate::command) fn table_of_calls(calls: &CallsInFlight) -> String {
    let mut rows = vec![["CALL", "FUNCTION", "GENERATION", "AGE"].map(str::to_owned)];
    rows.extend(calls.calls.iter().map(|it| {
        [
            it.call.number.to_string(),
            it.call.function.clone(),
            it.call.generation.to_string(),
            duration(Duration::from_millis(it.age_ms)),
        ]
    }));
    table(&rows)
}

fn deaths(deaths: &[Death]) -> String {
    if deaths.is_empty() {
        return String::new();
    }
    let mut rows =
        vec![["WORKER", "GENERATION", "UPTIME", "PEAK MEMORY", "EXIT"].map(str::to_owned)];
    rows.extend(deaths.iter().rev().map(|death| {
        [
            death.worker.instance.to_string(),
            death.generation.to_string(),
            duration(Duration::from_millis(death.uptime_ms)),
            bytes(death.max_rss),
            how(death),
        ]
    }));
    table(&rows)
}

fn how(death: &Death) -> String {
    let how = match death.how {
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal { number, core: true } => format!("signal {number}, core dumped"),
        Exit::Signal { number, .. } => format!("signal {number}"),
        Exit::Replaced => "replaced by another worker".to_owned(),
        Exit::Stopped => "stopped by the host".to_owned(),
    };
    match death.out_of_memory {
        true => format!("{how}; the machine ran out of memory at the time"),
        false => how,
    }
}
