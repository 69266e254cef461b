//! Edge cases of states: types that change during a call, faulty serde implementations, held locks,
//! values that are too large or too deep. None may misread memory, hang, or lose a value silently.

mod locks;
mod names;
mod private;
mod profiles;
mod size;
mod types;
mod unedited;

use tests::{Fixture, Output, Project, Running};

/// A copy of the fixture with these states.
fn with(states: &str) -> Project {
    let project = Project::of(Fixture::EDGE_CASES);
    write(&project, states);
    project
}

fn write(project: &Project, states: &str) {
    project.write("src/states.rs", states);
}

/// Builds and starts the driver, which answers lines.
#[track_caller]
fn driver(project: &Project) -> Running {
    build(project).success();
    let driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver
}

fn build(project: &Project) -> Output {
    project.kt(["build"])
}

/// Sends one line to the program in its current sources, and returns the answer.
#[track_caller]
fn ask(project: &Project, line: &str) -> String {
    let mut driver = driver(project);
    let answer = driver.ask(line);
    driver.finish().success();
    answer
}
