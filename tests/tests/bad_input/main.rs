//! What goes wrong on a developer's machine: each has a clear message, the right exit status, and leaves nothing broken.

mod code;
mod files;
mod folders;
mod interrupts;
mod lives;
mod service_options;
mod settings;
mod tools;

use tests::{Output, Project};

/// Checks that the project works: it answers, at this visit of the worker's life.
#[track_caller]
fn assert_answers(project: &Project, visit: u32) -> Output {
    let output = project.run().success();
    assert_eq!(
        output.stdout,
        format!("hello Alice, visit {visit}\n"),
        "{output:?}"
    );
    output
}
