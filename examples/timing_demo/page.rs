//! A page with a bar for each phase of the last run of each kind, made anew by every run.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a run was, by what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The service was made for it.
    Cold,
    /// New code went into a service that was up.
    Edit,
    /// Nothing had changed.
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
    /// Of a thousand calls.
    pub p50: Duration,
    pub p99: Duration,
    /// Name, begin since the run's begin, and length.
    pub phases: Vec<(String, Duration, Duration)>,
}

/// Keeps this run as the last of its kind, and writes the page.
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
.bar { background: #4a7; height: 1em; min-width: 1px }
</style></head><body><h1>timing_demo</h1>
";

fn section(kind: Kind, record: &Record) -> String {
    let mut html = format!(
        "<h2>{}: {:.3?}</h2><p>{} · a call takes {:.3?} (median of 1000), 99 of 100 at most {:.3?}</p><table>\n",
        kind.name(),
        record.total,
        escaped(&record.place),
        record.p50,
        record.p99
    );
    let share = |time: Duration| 100.0 * time.as_secs_f64() / record.total.as_secs_f64().max(1e-9);
    for (name, started, took) in &record.phases {
        let (left, width) = (share(*started).min(100.0), share(*took).min(100.0));
        let _ = writeln!(
            html,
            "<tr><td>{}<td>{took:.1?}<td><div class=bar style=\"margin-left: {left:.2}%; width: {width:.2}%\"></div>",
            escaped(name)
        );
    }
    html + "</table>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
