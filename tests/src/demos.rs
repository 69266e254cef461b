//! Sessions of a person with the interactive demos, the same for every place of the service.

use crate::{Project, recorded};

/// `breakpoint_debug`: accepts to debug the call, inspects its variables, and continues it.
pub fn debug_a_call(project: &mut Project) {
    // On other terminals gdb colors source lines.
    project.environment("TERM", "dumb");
    recorded::follow("docs/debugging.md", project);
}

/// `ssh_into_pod`: reads a function's output in the shell, writes input for the next function, and
/// exits.
pub fn use_a_shell(project: &Project) {
    let mut screen = project.screen(["run", "--example", "ssh_into_pod"]);
    screen.wait_for("Type `exit` to return.");
    screen.wait_for("Opening");
    screen.keys("cat $NOTES; echo read $((40 + 2))\n");
    screen.wait_for("process ");
    screen.wait_for("read 42");
    screen.keys("echo from the shell >> $NOTES; exit 3\n");
    screen.wait_for("The shell exited with exit status: 3.");
    screen.wait_for(" was here\r\nfrom the shell\r\n");
    let (status, shown) = screen.finish();
    assert!(status.success(), "{shown}");
}
