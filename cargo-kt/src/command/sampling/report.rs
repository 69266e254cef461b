//! Summarizes a profile.

use std::{path::Path, time::Duration};

use kt::wire::sample::ProfileEnd;
use serde_json::json;

use super::record::{Profile, ProfileOptions};
use crate::{
    command::{CommandError, print::print},
    stacks::{SampleError, Weight},
    terminal::{
        Terminal,
        text::{count, duration, table},
    },
};

/// Number of functions listed.
const LISTED: usize = 10;

/// Prints the result and the overhead.
///
/// # Errors
/// If no samples were taken.
pub(super) fn report(
    profile: &Profile,
    options: &ProfileOptions,
    file: &Path,
    terminal: &Terminal,
) -> Result<(), CommandError> {
    let counts = profile.folded.counts;
    let sums = &profile.sums;
    let heaviest = profile.folded.heaviest(LISTED);
    terminal.json(
        "kt-profile",
        &json!({
            "name": profile.service,
            "file": (counts.samples > 0).then_some(file),
            "worker": profile.started.worker.instance,
            "seconds": profile.took.as_secs_f64(),
            "frequency": options.request.frequency,
            "wall": options.request.wall,
            "ended": ended(&profile.end).unwrap_or("whole".to_owned()),
            "looks": sums.looks,
            "skipped_looks": sums.skipped,
            "missed_threads": sums.missed,
            "samples": counts.samples,
            "frames": counts.frames,
            "nameless_frames": counts.nameless_frames,
            "cut_stacks": counts.cut_stacks,
            "stood_us": sums.stood_us,
            "longest_us": sums.longest_us,
            "sampler_us": sums.sampler_us,
            "heaviest": heaviest,
        }),
    );
    if let Some(why) = ended(&profile.end) {
        let took = duration(profile.took);
        terminal.warning(format_args!("the profile stopped after {took}: {why}"));
    }
    if counts.samples == 0 {
        return Err(SampleError::NothingRan {
            service: profile.service.clone(),
            snapshots: sums.looks,
        }
        .into());
    }
    terminal.status("Sampled", sampled(profile));
    terminal.status("Paused", paused(profile));
    if sums.skipped > 0 {
        terminal.note(format_args!(
            "skipped {} to keep the worker paused for less than a tenth of the time: the machine is busy, or the worker has many threads",
            snapshots(sums.skipped)
        ));
    }
    if let Some(note) = &profile.note {
        terminal.note(note);
    }
    terminal.status("Wrote", file.display());
    if !terminal.is_json() {
        print(&listed(&heaviest, counts.samples))?;
    }
    Ok(())
}

fn sampled(profile: &Profile) -> String {
    let counts = profile.folded.counts;
    let mut text = format!(
        "{} in {}; {} of {} without a name",
        stacks(counts.samples),
        snapshots(profile.sums.looks),
        counts.nameless_frames,
        frames(counts.frames),
    );
    if counts.cut_stacks > 0 {
        text += &format!("; {} incomplete", stacks(counts.cut_stacks));
    }
    if profile.sums.missed > 0 {
        text += &format!(
            "; a thread did not stop in time {} times",
            profile.sums.missed
        );
    }
    text
}

fn paused(profile: &Profile) -> String {
    let sums = &profile.sums;
    let micros = Duration::from_micros;
    let part = micros(sums.stood_us).as_secs_f64() / profile.took.as_secs_f64().max(1e-9);
    format!(
        "the worker for {} in total ({:.1}%), at most {} at a time; the host used {} of CPU time",
        duration(micros(sums.stood_us)),
        part * 100.0,
        duration(micros(sums.longest_us)),
        duration(micros(sums.sampler_us)),
    )
}

/// Why a profile stopped early; `None` if it completed or was interrupted.
fn ended(end: &ProfileEnd) -> Option<String> {
    Some(match end {
        ProfileEnd::Asked => return None,
        ProfileEnd::Worker => "the worker exited or was replaced".to_owned(),
        ProfileEnd::Debugger => "a debugger attached to the worker".to_owned(),
        ProfileEnd::Host => "the service stopped".to_owned(),
        ProfileEnd::Failed(why) => why.clone(),
    })
}

fn listed(heaviest: &[Weight], samples: u64) -> String {
    let percent = |count: u64| format!("{:.1}%", count as f64 * 100.0 / samples.max(1) as f64);
    let mut rows = vec![["TOTAL", "SELF", "FUNCTION"].map(str::to_owned)];
    rows.extend(
        heaviest
            .iter()
            .map(|it| [percent(it.total), percent(it.own), it.function.clone()]),
    );
    table(&rows)
}

fn snapshots(number: u64) -> String {
    counted(number, "snapshot")
}

fn stacks(number: u64) -> String {
    counted(number, "stack")
}

fn frames(number: u64) -> String {
    counted(number, "frame")
}

fn counted(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}
