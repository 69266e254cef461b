//! How many bytes a one-line edit sends over a network, and how long encoding them takes.
//!
//! ```text
//! cargo bench -p tests --bench delta -- [--profile dev] [--profile release] [--tool DIRECTORY]
//! ```
//! Edits a line of each crate of a program with real dependencies, in three kinds of edits. Encodes
//! every changed object as `cargo kt` does for a service in a pod.

#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use serde_json::{Value, json};

use support::{
    machine::Machine,
    numbers::median,
    table,
    workspace::{Tool, Workspace},
};

#[derive(Debug, Parser)]
struct Options {
    /// Profiles to build in
    #[arg(long = "profile", default_values_t = ["dev".to_owned(), "release".to_owned()])]
    profiles: Vec<String>,
    /// Directory of an already built `cargo-kt`
    #[arg(long)]
    tool: Option<PathBuf>,
    /// The argument that `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Encodings of each object. The median time counts.
const TIMES: usize = 9;

/// A crate, and the file with the line that is edited.
const CRATES: [(&str, &str); 3] = [
    ("app", "app/src/ask.rs"),
    ("reports", "reports/src/lib.rs"),
    ("records", "records/src/lib.rs"),
];

/// The edited line for an edition.
type Line = fn(u32) -> String;

/// The edits of each crate, in this order: each replaces `let edition = 0;`.
const EDITS: [(&str, Line); 4] = [
    ("before", |edition| format!("let edition = {edition};")),
    ("a number", |edition| {
        format!("let edition = {};", edition + 1)
    }),
    ("a statement added", |edition| {
        format!(
            "{} {}",
            number(edition),
            statement("edition {edition} is not asked about")
        )
    }),
    ("a string made longer", |edition| {
        let text = "edition {edition} is not what anybody would ever ask about";
        format!("{} {}", number(edition), statement(text))
    }),
];

fn number(edition: u32) -> String {
    format!("let edition = {};", edition + 1)
}

fn statement(text: &str) -> String {
    format!("if std::hint::black_box(edition) == u32::MAX {{ eprintln!(\"{text}\"); }}")
}

fn main() {
    let options = Options::parse();
    let machine = Machine::current();
    machine.print();
    let tool = match &options.tool {
        Some(directory) => Tool::at(directory),
        None => Tool::build(),
    };
    let profiles = options.profiles.iter();
    let measured = profiles.map(|profile| measure(&tool, profile));
    let edits: Vec<Value> = measured.flatten().collect();
    support::write("delta", &json!({ "machine": machine, "edits": edits }));
}

fn measure(tool: &Tool, profile: &str) -> Vec<Value> {
    let workspace = Workspace::of("bench", "delta");
    println!("\n## Bytes for a one-line edit, {profile}\n");
    let mut rows = vec![table::row([
        "edit",
        "objects",
        "their bytes",
        "compressed",
        "ms",
        "as patches",
        "ms",
    ])];
    let mut measured = Vec::new();
    // Another edition in each run: otherwise kt finds the object in its cache.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let edition = since.map_or(0, |since| since.as_secs() as u32 / 2 * 2 % 1_000_000);
    for (krate, file) in CRATES {
        let path = workspace.root().join(file);
        let text = fs::read_to_string(&path).expect("the fixture has the file");
        let (before, rest) = text
            .split_once("let edition = ")
            .expect("the file has the line");
        let (_, after) = rest.split_once(';').expect("it is a statement");
        let mut former = BTreeMap::new();
        for (name, line) in EDITS {
            fs::write(&path, format!("{before}{}{after}", line(edition)))
                .expect("the copy can be written");
            let command = ["kt", "run", "--package", "app", "--profile", profile];
            let run = tool.lend(workspace.cargo(&command)).output();
            let run = run.expect("cargo runs");
            let stderr = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{stderr}");
            let objects = objects(&workspace);
            if name != "before" {
                let edit = compare(&former, &objects);
                rows.push(edit.row(&format!("`{krate}`: {name}")));
                measured.push(json!({
                    "profile": profile, "crate": krate, "edit": name, "objects": edit.objects,
                    "bytes": edit.bytes, "compressed": edit.compressed, "patched": edit.patched,
                    "compressed_ms": edit.compressed_ms, "patched_ms": edit.patched_ms,
                }));
            }
            former = objects;
        }
        fs::write(&path, text).expect("the copy can be written");
    }
    table::print(&rows);
    measured
}

/// Each crate's newest object.
fn objects(workspace: &Workspace) -> BTreeMap<String, PathBuf> {
    let directory = workspace.target().join("kt/warm/objects");
    let mut youngest: BTreeMap<String, (SystemTime, PathBuf)> = BTreeMap::new();
    for entry in fs::read_dir(&directory).expect("kt linked objects") {
        let entry = entry.expect("the folder can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((krate, _)) = name
            .strip_suffix(".so")
            .and_then(|stem| stem.rsplit_once('-'))
        else {
            continue;
        };
        let made = entry.metadata().and_then(|data| data.modified());
        let object = (made.expect("files have times"), entry.path());
        let known = youngest
            .entry(krate.to_owned())
            .or_insert_with(|| object.clone());
        if known.0 < object.0 {
            *known = object;
        }
    }
    let paths = youngest.into_iter().map(|(krate, (_, path))| (krate, path));
    paths.collect()
}

#[derive(Default)]
struct Edit {
    objects: usize,
    bytes: usize,
    compressed: usize,
    compressed_ms: f64,
    patched: usize,
    patched_ms: f64,
}

impl Edit {
    fn row(&self, name: &str) -> Vec<String> {
        let number = |bytes: usize| format!("{:.1} kB", bytes as f64 / 1e3);
        vec![
            name.to_owned(),
            self.objects.to_string(),
            number(self.bytes),
            number(self.compressed),
            format!("{:.1}", self.compressed_ms),
            number(self.patched),
            format!("{:.1}", self.patched_ms),
        ]
    }
}

fn compare(former: &BTreeMap<String, PathBuf>, objects: &BTreeMap<String, PathBuf>) -> Edit {
    let read = |path: &Path| fs::read(path).expect("the object exists");
    let mut edit = Edit::default();
    for (krate, path) in objects {
        let old = &former[krate];
        if old == path {
            continue;
        }
        let (old, new) = (read(old), read(path));
        let (compressed, compressed_ms) = timed(|| cargo_kt::ship::compress(&new));
        let (patch, patched_ms) = timed(|| cargo_kt::ship::patch(old.clone(), new.clone()));
        edit.objects += 1;
        edit.bytes += new.len();
        edit.compressed += compressed;
        edit.compressed_ms += compressed_ms;
        edit.patched += patch;
        edit.patched_ms += patched_ms;
    }
    edit
}

/// The length of the encoding, and the milliseconds it takes.
fn timed(encode: impl Fn() -> std::io::Result<Vec<u8>>) -> (usize, f64) {
    let mut times = Vec::new();
    let mut length = 0;
    for _ in 0..TIMES {
        let begun = Instant::now();
        length = encode().expect("zstd encodes").len();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    (length, median(times))
}
