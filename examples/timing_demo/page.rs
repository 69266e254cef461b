//! A page with a bar for each phase of the last run of each kind. Every run rewrites it.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use examples::millis;

/// The kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It started the service.
    Cold,
    /// It loaded new code into a running service.
    Edit,
    /// Nothing changed.
    Warm,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Cold, Self::Edit, Self::Warm];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold start to the first answer",
            Self::Edit => "edit to the first answer",
            Self::Warm => "warm run to the first answer",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Edit => "edit",
            Self::Warm => "warm",
        }
    }
}

/// One run.
pub struct Record {
    pub place: String,
    pub total: Duration,
    /// Median and 99th percentile of a thousand calls.
    pub p50: Duration,
    pub p99: Duration,
    pub phases: Vec<Phase>,
}

/// A phase of a run.
pub struct Phase {
    pub name: String,
    /// Since the start of the run.
    pub started: Duration,
    pub took: Duration,
}

impl Phase {
    fn between(name: &str, started: Duration, end: Duration) -> Self {
        Self {
            name: name.to_owned(),
            started,
            took: end.saturating_sub(started),
        }
    }

    fn end(&self) -> Duration {
        self.started + self.took
    }

    /// Whether it is a phase of the pod, which starts while the program is compiled locally.
    fn is_of_the_pod(&self) -> bool {
        self.name.starts_with("pod ")
    }
}

/// Shorter phases are not shown.
const NOTHING: Duration = Duration::from_micros(10);

/// All phases in order of their start, including those that `cargo kt` does not report: the time
/// before its first phase, and the program's time after its last. `first` is the duration of the
/// first call, and `loading` its part that loaded the table.
pub fn timeline(
    known: &[kt::Phase],
    total: Duration,
    first: Duration,
    loading: Duration,
) -> Vec<Phase> {
    let called = total.saturating_sub(first);
    let mut phases: Vec<Phase> = known
        .iter()
        .map(|phase| Phase::between(&phase.name, phase.started, phase.started + phase.took))
        .collect();
    phases.sort_by_key(|phase| phase.started);
    let begin = phases.first().map_or(called, |phase| phase.started);
    let end = phases.iter().map(Phase::end).max().unwrap_or_default();
    let loaded = total.saturating_sub(loading);
    phases.insert(0, Phase::between("plan", Duration::ZERO, begin));
    phases.push(Phase::between("start the program", end, called));
    phases.push(Phase::between("connect and call", called, loaded));
    phases.push(Phase::between("load the table", loaded, total));
    // Such as loading a table that is already in memory.
    phases.retain(|phase| phase.took >= NOTHING);
    phases
}

/// Saves this run as the last of its kind, and writes the page.
pub fn keep(kind: Kind, record: &Record) -> io::Result<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let kept = target.join("timing_demo");
    fs::create_dir_all(&kept)?;
    fs::write(kept.join(kind.file()), section(kind, record))?;
    let sections: Vec<String> = Kind::ALL
        .iter()
        .filter_map(|kind| fs::read_to_string(kept.join(kind.file())).ok())
        .collect();
    let page = target.join("timing_demo.html");
    fs::write(
        &page,
        format!("{HEAD}{}</body></html>\n", sections.concat()),
    )?;
    page.canonicalize()
}

const HEAD: &str =
    "<!doctype html><html lang=en><head><meta charset=utf-8><title>timing_demo</title><style>
body { font: 15px/1.4 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; width: 100% }
td { padding: .15em .5em; white-space: nowrap }
td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums }
td:last-child { width: 60% }
tbody tr:hover { background: #f2f2f2 }
.local, .pod { height: 1em; min-width: 1px }
.local { background: #4a7 }
.pod { background: #58c }
.key { display: inline-block; width: 1em; margin: 0 .3em 0 1em; vertical-align: -.1em }
.scale { display: flex; justify-content: space-between; color: #666; font-size: 85%; border-bottom: 1px solid #ccc }
</style></head><body><h1>timing_demo</h1>
<p>The phases of the last run of each kind. Overlapping phases run concurrently.<span class='local key'></span>the program,
from its plan to its answer<span class='pod key'></span>its pod</p>
";

fn section(kind: Kind, record: &Record) -> String {
    let total = record.total;
    let mut html = format!(
        "<h2>{}: {}</h2><p>{} · a call takes {} (median of 1000), 99th percentile {}</p>
<table><thead><tr><td><td><td><div class=scale><span>0</span><span>{}</span><span>{}</span></div></thead><tbody>\n",
        kind.name(),
        rounded(total),
        escaped(&record.place),
        millis(record.p50),
        millis(record.p99),
        rounded(total / 2),
        rounded(total),
    );
    let share = |time: Duration| 100.0 * time.as_secs_f64() / total.as_secs_f64().max(1e-9);
    for phase in &record.phases {
        // No bar exceeds the scale.
        let left = share(phase.started).min(100.0);
        let width = share(phase.took).min(100.0 - left);
        let class = match phase.is_of_the_pod() {
            true => "pod",
            false => "local",
        };
        let _ = writeln!(
            html,
            "<tr><td>{}<td>{}<td><div class={class} style=\"margin-left: {left:.2}%; width: {width:.2}%\"></div>",
            escaped(&phase.name),
            millis(phase.took),
        );
    }
    html + "</tbody></table>\n"
}

fn rounded(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1e3)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
