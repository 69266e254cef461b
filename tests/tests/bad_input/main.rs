//! Faults on a developer's machine: each prints a clear message, exits with the right status, and
//! leaves nothing broken.

mod code;
mod crashes;
mod files;
mod folders;
mod interrupts;
mod service_options;
mod settings;
mod tools;

use tests::{Output, Project};

/// Checks that the program runs, and that this is call number `visit` of its worker.
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
