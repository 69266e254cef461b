//! What states have to bear: types that change under a running call, types that lie, locks that are held, values that are
//! too large or too deep. None of it may misread memory, hang, or lose a value in silence.

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
    let project = Project::of(Fixture::HARDSHIPS);
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

/// One question to the program as its sources are now.
#[track_caller]
fn ask(project: &Project, line: &str) -> String {
    let mut driver = driver(project);
    let answer = driver.ask(line);
    driver.finish().success();
    answer
}
