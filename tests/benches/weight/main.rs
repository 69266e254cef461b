//! What kt-runtime costs a program that depends on it: crates and time of a clean build, compared
//! with five similar crates, and the time that it adds if those are already compiled.
//!
//! ```text
//! cargo bench -p tests --bench weight -- [--runs N]
//! ```

#[path = "../support/mod.rs"]
mod support;

use std::{collections::BTreeSet, fs, process::Stdio, time::Instant};

use clap::Parser;
use serde_json::{Value, json};

use support::{
    machine::Machine,
    numbers::{median, range},
    table,
    workspace::Workspace,
};

#[derive(Debug, Parser)]
struct Options {
    /// Builds of each
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The argument that `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A finished build.
struct Build {
    seconds: f64,
    /// The number of compiled crates, including the program's own.
    crates: usize,
}

fn main() {
    let options = Options::parse();
    let machine = Machine::current();
    machine.print();
    let workspace = Workspace::of("bench-weight", "weight");
    // Download time does not count.
    let fetched = workspace.cargo(&["fetch"]).status().expect("cargo runs");
    assert!(fetched.success(), "the dependencies cannot be fetched");

    let (mut with_kt, mut five, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.runs {
        from_nothing(&workspace);
        with_kt.push(build(&workspace, "with-kt"));
        from_nothing(&workspace);
        five.push(build(&workspace, "five"));
        added.push(build(&workspace, "both"));
    }

    println!(
        "## Building the program and its dependencies (medians of {}, dev)\n",
        options.runs
    );
    let mut rows = vec![table::row(["", "crates", "seconds", "range"])];
    let mut result = json!({ "machine": machine, "runs": options.runs });
    for (name, title, builds) in [
        ("with_kt", "kt-runtime, from nothing", &with_kt),
        (
            "five",
            "tokio, hyper, serde, bincode and syn, from nothing",
            &five,
        ),
        (
            "added",
            "kt-runtime added to a program that has those",
            &added,
        ),
    ] {
        let seconds: Vec<f64> = builds.iter().map(|build| build.seconds).collect();
        let (least, most) = range(&seconds);
        let crates = builds[0].crates;
        let middle = median(seconds.iter().copied());
        rows.push(vec![
            title.into(),
            crates.to_string(),
            format!("{middle:.1}"),
            format!("{least:.1}–{most:.1}"),
        ]);
        result[name] = json!({ "crates": crates, "seconds": seconds });
    }
    table::print(&rows);
    let seconds = |builds: &[Build]| median(builds.iter().map(|build| build.seconds));
    println!(
        "\nkt-runtime takes {:.2} × the time of the five.",
        seconds(&with_kt) / seconds(&five)
    );
    support::write("weight", &result);
}

fn from_nothing(workspace: &Workspace) {
    match fs::remove_dir_all(workspace.target()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            panic!("the target directory cannot be removed: {error}")
        }
        _ => {}
    }
}

fn build(workspace: &Workspace, package: &str) -> Build {
    let mut command = workspace.cargo(&[
        "build",
        "--offline",
        "--locked",
        "--message-format=json",
        "--package",
        package,
    ]);
    let started = Instant::now();
    let output = command.stderr(Stdio::null()).output().expect("cargo runs");
    let seconds = started.elapsed().as_secs_f64();
    assert!(output.status.success(), "{package} does not build");
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let compiled = messages.filter_map(|message| {
        let message = message.expect("cargo writes JSON");
        let fresh = message["reason"] != "compiler-artifact" || message["fresh"] == true;
        (!fresh).then(|| message["package_id"].to_string())
    });
    Build {
        seconds,
        crates: compiled.collect::<BTreeSet<_>>().len(),
    }
}
