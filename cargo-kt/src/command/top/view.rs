//! Formats a sample.

use std::time::Duration;

use kt::wire::{inspect::Gpu, state::StateInfo};
use serde_json::json;

use super::sample::Sample;
use crate::{
    command::describe,
    session::report::name_of,
    terminal::text::{bytes, count, duration, table},
};

/// Columns and lines if the terminal does not report its size.
const DEFAULT_SIZE: (usize, usize) = (80, 24);

/// The human-readable page.
pub(super) fn page(sample: &Sample, before: Option<&Sample>, states: &[StateInfo]) -> String {
    let Sample { status, inspection } = sample;
    let generation = status.current.as_ref();
    let generation = generation.map_or_else(|| "-".to_owned(), |(it, _)| it.to_string());
    let mut page = format!(
        "{}  generation {generation}, up for {}\n",
        status.service,
        duration(Duration::from_millis(status.uptime_ms)),
    );
    let (Some(worker), Some(id)) = (&inspection.worker, status.worker.as_ref().map(|it| it.id))
    else {
        page += "no worker is running; start one with `cargo kt run`\n";
        return page;
    };
    let usage = &worker.usage;
    let cpu = before.and_then(|before| sample.cpu_percent(before));
    let limit = usage
        .open_files_limit
        .map_or_else(String::new, |limit| format!("/{limit}"));
    page += &format!(
        "worker {} (process {}), {}\n\n",
        id.instance,
        id.pid,
        count(
            usize::try_from(worker.reloads).unwrap_or(usize::MAX),
            "reload"
        ),
    );
    page += &table(&[
        ["CPU", "CPU TIME", "RSS", "THREADS", "FILES"].map(str::to_owned),
        [
            cpu.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.0}%")),
            duration(Duration::from_millis(usage.cpu_ms)),
            bytes(usage.rss),
            usage.threads.to_string(),
            format!("{}{limit}", usage.open_files),
        ],
    ]);
    for gpu in &inspection.gpus {
        page += &format!("{}\n", gpu_line(gpu));
    }
    page.push('\n');
    page += &match &worker.calls {
        None => "calls: unknown, all threads of the worker are busy\n".to_owned(),
        Some(calls) if calls.calls.is_empty() => "no calls\n".to_owned(),
        Some(calls) => {
            let more = match calls.more {
                0 => String::new(),
                more => format!("and {more} more\n"),
            };
            describe::table_of_calls(calls) + &more
        }
    };
    if !states.is_empty() {
        let mut rows = vec![["STATE", "SIZE"].map(str::to_owned)];
        rows.extend(
            states
                .iter()
                .map(|state| [name_of(&state.key).to_owned(), size_of(state)]),
        );
        page += &format!("\n{}", table(&rows));
    }
    page
}

/// The size of a state, if known: of its encoded value, else of its type.
fn size_of(state: &StateInfo) -> String {
    match state.encoded {
        Some(encoded) => format!("~{}", bytes(encoded.max(state.size))),
        None => format!("{} plus heap", bytes(state.size)),
    }
}

fn gpu_line(gpu: &Gpu) -> String {
    format!(
        "GPU {}: {}%, {} of {}",
        gpu.name,
        gpu.busy_percent,
        bytes(gpu.memory_used),
        bytes(gpu.memory_total)
    )
}

/// A JSON line.
pub(super) fn json(sample: &Sample, before: Option<&Sample>, states: &[StateInfo]) -> String {
    let Sample { status, inspection } = sample;
    let worker = inspection.worker.as_ref();
    let usage = worker.map(|worker| &worker.usage);
    let calls = worker.and_then(|worker| worker.calls.as_ref());
    let line = json!({
        "reason": "kt-top",
        "name": status.service,
        "generation": status.current.as_ref().map(|(generation, _)| generation),
        "worker": status.worker.as_ref().map(|worker| worker.id.instance),
        "pid": status.worker.as_ref().map(|worker| worker.id.pid),
        "uptime_ms": status.uptime_ms,
        "reloads": worker.map(|worker| worker.reloads),
        "cpu_percent": before.and_then(|before| sample.cpu_percent(before)),
        "cpu_ms": usage.map(|usage| usage.cpu_ms),
        "rss": usage.map(|usage| usage.rss),
        "threads": usage.map(|usage| usage.threads),
        "open_files": usage.map(|usage| usage.open_files),
        "open_files_limit": usage.and_then(|usage| usage.open_files_limit),
        "calls": calls.map(|calls| calls.calls.iter().map(describe::call_json).collect::<Vec<_>>()),
        "calls_left_out": calls.map(|calls| calls.more),
        "states": states.iter().map(|state| json!({
            "key": state.key, "size": state.size, "encoded": state.encoded,
        })).collect::<Vec<_>>(),
        "gpus": inspection.gpus,
    });
    format!("{line}\n")
}

/// Columns and lines of the terminal.
pub(super) fn size() -> (usize, usize) {
    match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), terminal_size::Height(lines))) => {
            (columns.into(), lines.into())
        }
        None => DEFAULT_SIZE,
    }
}

/// Truncates a page to the size of the terminal: a line that wraps would scroll the first line out.
pub(super) fn fitted(page: &str, (columns, lines): (usize, usize)) -> String {
    let cut = |line: &str| line.chars().take(columns).collect::<String>();
    // The last line stays empty, for the cursor.
    let shown: Vec<String> = page
        .lines()
        .take(lines.saturating_sub(1))
        .map(cut)
        .collect();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{super::sample::tests::sample, *};

    #[test]
    fn a_sample_is_a_page() {
        let page = page(&sample(2000, 1050), Some(&sample(1000, 50)), &[]);
        assert_eq!(
            page,
            "\
alice-app  generation -, up for 1h 02m
worker 1 (process 2), 1 reload

CPU   CPU TIME  RSS      THREADS  FILES
100%  1.05s     25.0 MB  12       30/1024

CALL  FUNCTION   GENERATION  AGE
7     app::slow  2           1.50s
"
        );
    }

    #[test]
    fn a_page_is_truncated_to_the_terminal() {
        let page = page(&sample(2000, 1050), None, &[]);
        assert_eq!(fitted(&page, (10, 3)), "alice-app \nworker 1 (");
        for size in [(0, 0), (1, 1), (10, 1), (500, 500)] {
            let fitted = fitted(&page, size);
            assert!(fitted.lines().all(|line| line.chars().count() <= size.0));
            assert!(fitted.lines().count() <= size.1);
        }
    }
}
