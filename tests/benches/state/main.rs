//! What states cost: the pause of calls during a swap without a migration, and a migration of a
//! million entries compared with encoding and decoding the same value.
//!
//! ```text
//! cargo bench -p tests --bench state -- [--swaps N] [--migrations N]
//! ```

#[path = "../support/mod.rs"]
mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use clap::Parser;
use serde_json::{Value, json};

use support::{
    machine::Machine,
    numbers::{median, range},
    table,
    workspace::{Tool, Workspace},
};

#[derive(Debug, Parser)]
struct Options {
    /// Swaps without a migration
    #[arg(long, default_value_t = 15)]
    swaps: usize,
    /// Migrations of a million entries
    #[arg(long, default_value_t = 3)]
    migrations: usize,
    /// The argument that `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let machine = Machine::current();
    machine.print();
    let tool = Tool::build();
    let workspace = Workspace::of("bench-state", "state");
    let mut result = json!({ "machine": machine });
    pauses(&options, &workspace, &tool, &mut result);
    migrations(&options, &workspace, &tool, &mut result);
    support::write("state", &result);
}

/// A running program that answers lines.
struct Driver {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Driver {
    fn start(workspace: &Workspace, tool: &Tool) -> Self {
        let mut run = tool.lend(workspace.cargo(&["kt", "run", "--release", "--quiet"]));
        let mut child = run
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo runs");
        let mut driver = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().expect("it is piped")),
            child,
        };
        assert_eq!(driver.line().trim(), "ready");
        driver
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("it is text");
        assert!(read > 0, "the program has exited");
        line
    }

    fn ask(&mut self, question: &str) -> Value {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{question}").expect("the program reads");
        let line = self.line();
        let answer = line
            .strip_prefix(question)
            .and_then(|rest| rest.strip_prefix(": "));
        let answer = answer.unwrap_or_else(|| panic!("{question} was answered {line:?}"));
        serde_json::from_str(answer).expect("an answer is JSON")
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("it is our child").success());
    }
}

/// Builds the workspace, swaps it in and returns the swap's message.
fn swap(workspace: &Workspace, tool: &Tool) -> Value {
    let build = ["kt", "build", "--release", "--message-format", "json"];
    let output = tool
        .lend(workspace.cargo(&build))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut messages = messages.map(|message| message.expect("kt writes JSON"));
    let swapped = messages.find(|message| message["reason"] == "kt-swapped");
    swapped.expect("a build ends in a swap")
}

/// Changes a source of the workspace.
fn edit(workspace: &Workspace, file: &str, from: &str, to: &str) {
    let path = workspace.root().join(file);
    let text = fs::read_to_string(&path).expect("the fixture has the file");
    assert!(text.contains(from), "{file} lacks {from:?}");
    fs::write(&path, text.replace(from, to)).expect("the copy can be written");
}

/// Compares the slowest sequential call while a command swaps the worker's own code with the
/// slowest while it swaps another worker's code: building disturbs both equally.
fn pauses(options: &Options, workspace: &Workspace, tool: &Tool, result: &mut Value) {
    let other = Tool::build();
    swap(workspace, &other);
    let mut driver = Driver::start(workspace, tool);
    driver.ask("call");
    let mut rows: [Vec<(f64, f64)>; 2] = Default::default();
    let (mut load, mut paused) = (Vec::new(), Vec::new());
    for number in 0..options.swaps * 2 {
        // Other code with the same result.
        let (from, to) = (format!("+ {number} * 0"), format!("+ {} * 0", number + 1));
        edit(workspace, "src/main.rs", &from, &to);
        let ours = number % 2 == 1;
        driver.ask("times");
        let swapped = swap(workspace, if ours { tool } else { &other });
        let times = driver.ask("times");
        assert!(
            times[0].as_u64() > Some(100),
            "too few calls finished: {times}"
        );
        assert_eq!(swapped["changed"], true);
        rows[usize::from(ours)].push((
            times[1].as_f64().expect("a number"),
            times[2].as_f64().expect("a number"),
        ));
        if ours {
            load.push(swapped["load_us"].as_f64().expect("a number"));
            paused.push(swapped["paused_us"].as_f64().expect("a number"));
        }
    }
    driver.end();

    println!(
        "## Calls while the code is swapped, nothing to migrate ({} swaps, release)\n",
        options.swaps
    );
    let mut printed = vec![table::row([
        "",
        "median of a call",
        "slowest call, median",
        "range",
    ])];
    for (name, times) in ["another worker's code", "their worker's code"]
        .iter()
        .zip(&rows)
    {
        let slowest: Vec<f64> = times.iter().map(|(_, slowest)| *slowest).collect();
        let (least, most) = range(&slowest);
        printed.push(vec![
            (*name).into(),
            format!("{:.0} µs", median(times.iter().map(|(middle, _)| *middle))),
            format!("{:.2} ms", median(slowest) / 1e3),
            format!("{:.2}–{:.2} ms", least / 1e3, most / 1e3),
        ]);
    }
    table::print(&printed);
    println!(
        "\nBy the worker's clock, loading and deciding took {:.2} ms, and calls were paused for {:.0} µs.\n",
        median(load.iter().copied()) / 1e3,
        median(paused.iter().copied())
    );
    result["pauses"] = json!({
        "unit": "µs, [median, slowest] of the calls during a command",
        "without": rows[0], "with": rows[1], "load_us": load, "paused_us": paused,
    });
}

fn migrations(options: &Options, workspace: &Workspace, tool: &Tool, result: &mut Value) {
    const FIELD: &str = "#[serde(default)]\n    more: u32,\n    number: u64,";
    let mut driver = Driver::start(workspace, tool);
    driver.ask("fill");
    let (mut plain, mut migrated, mut bytes) = (Vec::new(), Vec::new(), 0);
    for number in 0..options.migrations {
        let copy = driver.ask("copy");
        let seconds = |at: usize| copy[at].as_f64().expect("a number");
        plain.push(seconds(0) + seconds(1));
        bytes = copy[2].as_u64().expect("a number");
        driver.end();
        let (from, to) = match number % 2 {
            0 => ("number: u64,", FIELD),
            _ => (FIELD, "number: u64,"),
        };
        edit(workspace, "src/entries.rs", from, to);
        let (from, to) = match number % 2 {
            0 => ("number: key * 3,", "more: 0, number: key * 3,"),
            _ => ("more: 0, number: key * 3,", "number: key * 3,"),
        };
        edit(workspace, "src/entries.rs", from, to);
        let swapped = swap(workspace, tool);
        let states = swapped["states"].as_array().expect("it lists them");
        let outcome = states
            .iter()
            .find_map(|state| state["outcome"].get("Migrated"));
        let outcome = outcome.unwrap_or_else(|| panic!("nothing was migrated: {swapped}"));
        migrated.push(outcome["elapsed_us"].as_f64().expect("a number") / 1e6);
        driver = Driver::start(workspace, tool);
        assert_eq!(driver.ask("look"), true);
    }
    driver.end();
    println!(
        "## Migrating a map of a million entries, {} MB encoded ({} times, release)\n",
        bytes / 1_000_000,
        options.migrations
    );
    let mut rows = vec![table::row(["", "seconds", "range"])];
    for (name, times) in [("encode, then decode", &plain), ("migrate", &migrated)] {
        let (least, most) = range(times);
        rows.push(vec![
            name.into(),
            format!("{:.2}", median(times.iter().copied())),
            format!("{least:.2}–{most:.2}"),
        ]);
    }
    table::print(&rows);
    println!(
        "\nA migration takes {:.2} × the time of the two.",
        median(migrated.iter().copied()) / median(plain.iter().copied())
    );
    result["migrations"] =
        json!({ "unit": "s", "bytes": bytes, "plain": plain, "migrated": migrated });
}
