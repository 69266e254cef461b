//! The host's promises, with the real one: whom it lets in, and what its end or its silence means to others.

mod damaged;
mod killed;
mod stopped;
mod strangers;

use tests::{Output, Project};

/// Checks that the project answers with `greeting`, at this visit of the worker's life.
#[track_caller]
fn assert_greets(project: &Project, greeting: &str, visit: u32) -> Output {
    let output = project.run().success();
    assert_eq!(
        output.stdout,
        format!("{greeting} Alice, visit {visit}\n"),
        "{output:?}"
    );
    output
}

/// Has the project greet in other words, and checks that the state is gone and that this is said once.
#[track_caller]
fn assert_starts_anew(project: &Project) {
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = assert_greets(project, "good day", 1);
    let said = output.stderr.lines().find(|line| {
        line.starts_with("warning: ") && line.contains("state") && line.contains("gone")
    });
    assert!(said.is_some_and(|line| line.contains("host")), "{output:?}");
    assert_greets(project, "good day", 2).keeps_quiet_about("gone");
}
