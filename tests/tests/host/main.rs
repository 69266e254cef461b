//! The real host: which users it accepts, and what its death or a hang means to its worker and
//! callers.

mod damaged;
mod killed;
mod other_users;
mod stopped;

use tests::{Output, Project};

/// Checks that the program prints `greeting`, and that this is call number `visit` of its worker.
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

/// Edits the greeting, and checks that the state was lost and that this is reported once.
#[track_caller]
fn assert_state_was_lost(project: &Project) {
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = assert_greets(project, "good day", 1);
    let warning = output.stderr.lines().find(|line| {
        line.starts_with("warning: ") && line.contains("state") && line.contains("lost")
    });
    assert!(
        warning.is_some_and(|line| line.contains("host")),
        "{output:?}"
    );
    assert_greets(project, "good day", 2).does_not_report("lost");
}
