//! What a person does at a terminal with the interactive demos, the same wherever the service is.

use crate::{Project, recorded};

/// `breakpoint_debug`: agrees to debug the call, looks at its variables, and lets it go on.
pub fn debug_a_call(project: &mut Project) {
    // On any other terminal gdb colors what it shows of the sources.
    project.environment("TERM", "dumb");
    recorded::follow("docs/debugging.md", project);
}

/// `ssh_into_pod`: reads in the shell what a function wrote, writes what the next one reads, and comes back.
pub fn use_a_shell(project: &Project) {
    let mut screen = project.screen(["run", "--example", "ssh_into_pod"]);
    screen.wait_for("`exit` comes back.");
    screen.wait_for("Opening");
    screen.keys("cat $NOTES; echo read $((40 + 2))\n");
    screen.wait_for("process ");
    screen.wait_for("read 42");
    screen.keys("echo from the shell >> $NOTES; exit 3\n");
    screen.wait_for("The shell ended with exit status: 3.");
    screen.wait_for(" was here\r\nfrom the shell\r\n");
    let (status, shown) = screen.finish();
    assert!(status.success(), "{shown}");
}
