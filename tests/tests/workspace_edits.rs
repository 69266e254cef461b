//! A workspace of eleven crates, edited crate by crate under `cargo kt run`: after each edit the
//! new code answers, plain statics of other crates keep their values, and every state is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tests::{Fixture, Output, Project};

/// Each crate with those that it depends on, in the order of the graph.
const CRATES: &[(&str, &[&str])] = &[
    ("report", &[]),
    ("units", &["report"]),
    ("derive-name", &[]),
    ("checksum", &["report"]),
    ("shapes", &["derive-name", "report", "units"]),
    ("ledger", &["report"]),
    ("crowd", &["report", "units"]),
    ("ticker", &["report"]),
    ("limits", &["report"]),
    ("catalog", &["report", "shapes", "units"]),
    (
        "shop",
        &[
            "report", "units", "checksum", "shapes", "ledger", "crowd", "ticker", "limits",
            "catalog",
        ],
    ),
    ("main", &["report", "checksum", "shop"]),
];

/// One line of the program's output.
#[derive(Debug, Deserialize)]
struct Report {
    #[serde(rename = "crate")]
    name: String,
    version: u32,
    plain: u64,
    kept: u64,
    detail: String,
    reporter: u32,
    process: u32,
}

/// What must be true of the worker.
struct Model {
    process: Option<u32>,
    runs: u64,
    /// The version of each crate's code, and of the C code under its file's name.
    versions: BTreeMap<&'static str, u32>,
    /// Plain counters.
    plain: BTreeMap<&'static str, u64>,
    /// Crates above an edited one. The compiler decides whether their objects change: only inlined
    /// code and changed symbol names have this effect.
    above: BTreeSet<&'static str>,
    /// What `shapes` put on its shelf at the run before.
    shelf: Option<String>,
    /// Squares dropped so far.
    dropped: u64,
    /// A square of a reset state: dropped once the calls of old code have finished, before or after
    /// the next call.
    being_dropped: u64,
    /// The versions that the database has seen.
    recorded: Vec<u32>,
}

impl Model {
    fn new() -> Self {
        let each = CRATES.iter().map(|(name, _)| *name);
        Self {
            process: None,
            runs: 0,
            versions: each
                .clone()
                .chain(["checksum.c"])
                .map(|name| (name, 1))
                .collect(),
            plain: each.map(|name| (name, 0)).collect(),
            above: BTreeSet::new(),
            shelf: None,
            dropped: 0,
            being_dropped: 0,
            recorded: Vec::new(),
        }
    }

    /// Records an edited crate: its plain statics are reset.
    fn edited(&mut self, name: &'static str) {
        *self.versions.get_mut(name).expect("it is a crate") += 1;
        let name = name.trim_end_matches(".c");
        self.plain.insert(name, 0);
        for (above, dependencies) in CRATES {
            let new = |below: &&str| *below == name || self.above.contains(below);
            if dependencies.iter().any(new) {
                self.above.insert(above);
            }
        }
        if name == "derive-name" {
            // Every type with a derive may have changed, so erased values are reset.
            self.being_dropped += u64::from(self.shelf.take().is_some());
        }
    }

    /// Checks every report of a run.
    fn check(&mut self, after: &str, output: &Output) {
        self.runs += 1;
        let reports: Vec<Report> = output
            .json()
            .into_iter()
            .map(|line| serde_json::from_value(line).unwrap())
            .collect();
        let names: Vec<&str> = reports.iter().map(|report| &*report.name).collect();
        let expected: Vec<&str> = CRATES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| *name != "derive-name")
            .collect();
        assert_eq!(names, expected, "{after}: {output:?}");
        self.recorded.extend(
            (!self.recorded.contains(&self.versions["ledger"])).then_some(self.versions["ledger"]),
        );

        self.dropped += u64::from(self.shelf.is_some());
        for report in reports {
            let plain = self.plain.get_mut(&*report.name).expect("it is a crate");
            let renewed = self.above.contains(&*report.name) && report.plain == 1;
            *plain = if renewed { 1 } else { *plain + 1 };
            let found = (report.version, report.plain, report.kept, report.reporter);
            let expected = (
                self.versions[&*report.name],
                *plain,
                self.runs,
                self.versions["report"],
            );
            let name = &report.name;
            assert_eq!(
                found, expected,
                "(version, plain, kept, reporter) of {name} after {after}: {output:?}"
            );
            let right =
                [0, self.being_dropped].map(|dropped| self.detail(name, self.dropped + dropped));
            assert!(
                right.contains(&report.detail),
                "{name} after {after}: {:?} is none of {right:?}: {output:?}",
                report.detail
            );
            let is_reset = self.runs > 1 && report.plain == 1;
            assert_eq!(
                names_plain_counter(output, name),
                is_reset,
                "whether the plain counter of {name} is reported as reset after {after}: {output:?}"
            );
            assert_eq!(
                report.process,
                *self.process.get_or_insert(report.process),
                "another worker: {output:?}"
            );
        }
        self.above.clear();
        self.dropped += std::mem::take(&mut self.being_dropped);
        self.shelf = Some(self.square());
        // The square that `catalog` creates for itself.
        self.dropped += 1;
    }

    fn square(&self) -> String {
        format!(
            "Square (derived by v{}) by v{}",
            self.versions["derive-name"], self.versions["shapes"]
        )
    }

    /// The detail that only this crate reports.
    fn detail(&self, name: &str, dropped: u64) -> String {
        let Self {
            runs,
            versions,
            plain,
            ..
        } = self;
        match name {
            "report" => String::new(),
            "units" => "1500 m".into(),
            // The counter in C is in the crate's object, like a plain static.
            "checksum" => format!(
                "C v{}, call {}, 11e60398",
                versions["checksum.c"], plain["checksum"]
            ),
            // A value that old code created runs old code, also when it is dropped.
            "shapes" => {
                let found = match &self.shelf {
                    None => "nothing".into(),
                    Some(shelf) => format!("{shelf} with 4 m2"),
                };
                format!("found {found}; {dropped} dropped")
            }
            "ledger" => {
                let seen: Vec<String> = self.recorded.iter().map(u32::to_string).collect();
                format!("{runs} rows of {}", seen.join(","))
            }
            // The pool's threads keep running; this crate's thread-locals on them are as old as its
            // object.
            "crowd" => format!("visit [{}], 100000 m, {runs} ended, well", plain["crowd"]),
            // The task that the first code spawned still runs.
            "ticker" => format!("tick {runs} by v1"),
            "limits" | "shop" => "1000 items".into(),
            "catalog" => format!("{}, units v{}, 2 made", self.square(), versions["units"]),
            "main" => "checksum 045601bb".into(),
            other => panic!("unknown crate {other}"),
        }
    }
}

/// Whether the swap reported that a crate's plain counter was reset, and in which file it is.
fn names_plain_counter(output: &Output, name: &str) -> bool {
    let (krate, file) = match name {
        "main" => ("shop", "shop/src/main.rs".to_owned()),
        name => (name, format!("{name}/src/lib.rs")),
    };
    let start = format!("note: static `{krate}::CALLS` ({file}:");
    output.stderr.lines().any(|line| line.starts_with(&start))
}

fn edit(project: &Project, name: &str) {
    match name {
        "main" => bump(project, "shop/src/main.rs"),
        "checksum.c" => project.edit(
            "checksum/csrc/checksum.c",
            "#define CHECKSUM_VERSION 1",
            "#define CHECKSUM_VERSION 2",
        ),
        name => bump(project, &format!("{name}/src/lib.rs")),
    }
}

fn bump(project: &Project, file: &str) {
    project.edit(
        file,
        "fn version() -> u32 {\n    1\n}",
        "fn version() -> u32 {\n    2\n}",
    );
}

fn edit_every_crate(project: &Project, run: &[&str]) -> Model {
    let mut model = Model::new();
    let kt = || project.kt(run.iter().copied()).success();
    model.check("the first run", &kt());
    model.check("nothing", &kt());
    // From the top of the graph to its bottom, so that counters have something to lose.
    for (name, _) in CRATES.iter().rev() {
        edit(project, name);
        model.edited(name);
        let output = kt();
        let resets = output
            .stderr
            .matches("was reset to its initial value")
            .count();
        let expected = usize::from(*name == "derive-name");
        assert_eq!(resets, expected, "states are kept: {output:?}");
        model.check(&format!("an edit of {name}"), &output);
    }
    edit(project, "checksum.c");
    model.edited("checksum.c");
    model.check("an edit of C code", &kt());
    model
}

#[test]
fn each_crate_edit_keeps_everything_else_in_dev() {
    let project = Project::of(Fixture::WORKSPACE);
    let mut model = edit_every_crate(&project, &["run", "--verbose"]);

    // An example is a program of its own, with a worker of its own.
    let tour = project
        .kt(["run", "--package", "shop", "--example", "tour"])
        .success()
        .json();
    assert_eq!(
        (&tour[0]["crate"], &tour[0]["kept"]),
        (&"tour".into(), &1.into())
    );
    assert_eq!(
        (&tour[1]["crate"], &tour[1]["kept"], &tour[1]["version"]),
        (&"shop".into(), &1.into(), &2.into())
    );
    assert_ne!(tour[0]["process"], serde_json::json!(model.process));
    model.check("a run of an example", &project.run().success());

    // A feature of a workspace crate changes the crates above it, but not the worker.
    let strict = project.kt(["run", "--features", "strict"]).success();
    let limits = &strict.json()[7];
    assert_eq!(
        (&limits["crate"], &limits["detail"]),
        (&"limits".into(), &"10 items".into()),
        "{strict:?}"
    );
    assert_eq!(
        (&limits["kept"], &limits["process"]),
        (&(model.runs + 1).into(), &serde_json::json!(model.process)),
        "{strict:?}"
    );
}

#[test]
fn crate_edits_work_in_cargos_new_build_directory() {
    let project = Project::of(Fixture::WORKSPACE_BY_UNIT);
    let mut model = edit_every_crate(&project, &["run", "--verbose"]);
    let tour = project
        .kt(["run", "--package", "shop", "--example", "tour"])
        .success()
        .json();
    assert_eq!(
        (&tour[1]["crate"], &tour[1]["version"]),
        (&"shop".into(), &2.into())
    );

    // A dependency is added, and its user edited once more.
    project
        .plain_cargo(["add", "--package", "limits", "--offline", "strsim"])
        .success();
    project.edit(
        "limits/src/lib.rs",
        "fn version() -> u32 {\n    2\n}",
        "fn version() -> u32 {\n    2 + strsim::levenshtein(\"new\", \"now\") as u32\n}",
    );
    model.edited("limits");
    let output = project.run().success();
    model.check("a new dependency", &output);
    let build = project
        .root()
        .join("target/kt/x86_64-unknown-linux-gnu/debug");
    assert!(build.join("build/limits").is_dir() && !build.join("deps").exists());
}

#[test]
fn release_edits_work_in_cargos_new_build_directory() {
    let project = Project::of(Fixture::WORKSPACE_BY_UNIT_RELEASE);
    let run = || {
        let output = project.kt(["run", "--release"]).success();
        let report = output.json();
        let shop = report.iter().find(|report| report["crate"] == "shop");
        (shop.unwrap()["version"].clone(), output)
    };
    assert_eq!(run().0, 1);
    bump(&project, "shop/src/lib.rs");
    let (version, output) = run();
    assert_eq!(version, 2, "{output:?}");
}

#[test]
fn each_crate_edit_keeps_everything_else_in_release() {
    edit_every_crate(
        &Project::of(Fixture::WORKSPACE_RELEASE),
        &["run", "--release", "--verbose"],
    );
}
