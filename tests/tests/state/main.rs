//! States across swaps and worker replacements, and `cargo kt state`.

mod busy;
mod cells;
mod commands;
mod files;
mod former;
mod refused;
mod swaps;
mod workers;

use tests::{Output, Project};

/// `cargo kt state …` to its end.
#[track_caller]
fn state<'a>(project: &Project, arguments: impl IntoIterator<Item = &'a str>) -> Output {
    project.kt(["state"].into_iter().chain(arguments))
}

/// A state's value, as JSON.
#[track_caller]
fn value(project: &Project, name: &str) -> serde_json::Value {
    let output = state(project, ["get", name]).success();
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The worker of the only service.
fn worker(project: &Project) -> u64 {
    let services = project.services();
    services[0]["worker"]["pid"]
        .as_u64()
        .unwrap_or_else(|| panic!("no worker in {services:#?}"))
}

/// Runs a command on a terminal, and answers its question.
fn on_terminal(project: &Project, arguments: &[&str], answer: &str) -> Output {
    let mut asked = project.spawn_kt_on_terminal(arguments.iter().copied());
    asked.send(answer);
    let mut output = asked.finish();
    output.stderr = output.stderr.replace("\r\n", "\n");
    output
}

/// Compares a command's stdout and stderr with a snapshot.
macro_rules! assert_output {
    ($name:literal, $project:expr, $output:expr) => {{
        let mut output: tests::Output = $output;
        output.stderr = format!("{}---\n{}", output.stdout, output.stderr);
        tests::assert_terminal!($name, $project, output)
    }};
}
use assert_output;
