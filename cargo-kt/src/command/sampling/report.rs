//! What a profile found, in a few lines.

use std::{path::Path, time::Duration};

use kt::wire::sample::ProfileEnd;
use serde_json::json;

use super::record::{Profile, Wanted};
use crate::{
    command::{CommandError, print::print},
    stacks::{SampleError, Weight},
    terminal::{
        Terminal,
        text::{count, duration, table},
    },
};

/// Functions that are listed.
const LISTED: usize = 10;

/// Says what there is, and what it has cost.
///
/// # Errors
/// If there is nothing.
pub(super) fn report(
    profile: &Profile,
    wanted: &Wanted,
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
            "frequency": wanted.request.frequency,
            "wall": wanted.request.wall,
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
        terminal.warning(format_args!("the profile ended after {took}: {why}"));
    }
    if counts.samples == 0 {
        return Err(SampleError::NothingRan {
            service: profile.service.clone(),
            looks: sums.looks,
        }
        .into());
    }
    terminal.status("Sampled", sampled(profile));
    terminal.status("Stood", stood(profile));
    if sums.skipped > 0 {
        terminal.note(format_args!(
            "{} left out, so that the worker stands for no more than a tenth of the time: the machine is busy, or the worker has many threads",
            looks(sums.skipped)
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
        looks(profile.sums.looks),
        counts.nameless_frames,
        frames(counts.frames),
    );
    if counts.cut_stacks > 0 {
        text += &format!("; {} not whole", stacks(counts.cut_stacks));
    }
    if profile.sums.missed > 0 {
        text += &format!(
            "; {} times a thread did not stop in time",
            profile.sums.missed
        );
    }
    text
}

fn stood(profile: &Profile) -> String {
    let sums = &profile.sums;
    let micros = Duration::from_micros;
    let part = micros(sums.stood_us).as_secs_f64() / profile.took.as_secs_f64().max(1e-9);
    format!(
        "for {} in all ({:.1}%), at most {} at once; the host took {} of processor time",
        duration(micros(sums.stood_us)),
        part * 100.0,
        duration(micros(sums.longest_us)),
        duration(micros(sums.sampler_us)),
    )
}

/// Why a profile ended that nobody ended.
fn ended(end: &ProfileEnd) -> Option<String> {
    Some(match end {
        ProfileEnd::Asked => return None,
        ProfileEnd::Worker => "the worker ended, or another took its place".to_owned(),
        ProfileEnd::Debugger => "a debugger attached to the worker".to_owned(),
        ProfileEnd::Host => "the service ends".to_owned(),
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

fn looks(number: u64) -> String {
    counted(number, "look")
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
