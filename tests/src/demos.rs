//! What a person does at a terminal with the interactive demos, the same wherever the service is.

use crate::{Project, Screen};

fn demo(project: &mut Project, name: &str) -> Screen {
    // On any other terminal gdb colors what it shows of the sources.
    project.environment("TERM", "dumb");
    project.screen(["run", "--package", "examples", "--example", name])
}

/// `breakpoint_debug`: agrees to debug the call, looks at its variables, and lets it go on.
pub fn debug_a_call(project: &mut Project) {
    let mut screen = demo(project, "breakpoint_debug");
    screen.wait_for("kt: breakpoint reached: `breakpoint_debug::totals` at ");
    screen.wait_for("[y/N] ");
    screen.keys("y\n");
    screen.wait_for("kt::breakpoint!();");
    let mut gdb = |command: &str, expected: &str| {
        screen.wait_for("(gdb) ");
        screen.keys(format!("{command}\n"));
        screen.wait_for(expected);
    };
    gdb("bt", "breakpoint_debug::totals");
    gdb(
        "print customers",
        r#"Vec(size=3) = {"Alice", "Bob", "Alice"}"#,
    );
    gdb("print totals", "HashMap(size=2) = {");
    gdb("next", "totals.retain(");
    gdb("continue", "kt: the call goes on");
    screen.wait_for(r#"[("Alice", 20), ("Bob", 30)], and "#);
    screen.keys("quit\n");
    let (status, shown) = screen.finish();
    assert!(status.success(), "{shown}");
}

/// `ssh_into_pod`: reads in the shell what a function wrote, writes what the next one reads, and comes back.
pub fn use_a_shell(project: &mut Project) {
    let mut screen = demo(project, "ssh_into_pod");
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
