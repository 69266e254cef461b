//! Sessions of the documentation, followed exactly.

use std::fs;

use crate::{Project, checkout};

/// Types the commands in a page's `console` block, after `$ cargo kt`, `(gdb)` and a question, and
/// waits for all other text in it. `…` matches any text.
pub fn follow(page: &str, project: &Project) {
    let page = fs::read_to_string(checkout().join(page)).expect("the page can be read");
    let (_, session) = page.split_once("```console\n").expect("it has a session");
    let (session, _) = session.split_once("```").expect("the session has an end");
    let mut lines = session.lines();
    let command = lines
        .next()
        .and_then(|line| line.strip_prefix("$ cargo kt "));
    let command = command.expect("it starts with a command");
    let mut screen = project.screen(command.split(' '));
    for line in lines {
        let answered = line.strip_suffix(" y").filter(|it| it.ends_with("[y/N]"));
        let (shown, typed) = match (line.strip_prefix("(gdb) "), answered) {
            (Some(typed), _) => ("(gdb) ", Some(typed)),
            (None, Some(question)) => (question, Some("y")),
            (None, None) => (line, None),
        };
        for part in shown.split('…').filter(|part| !part.trim().is_empty()) {
            screen.wait_for(part);
        }
        if let Some(typed) = typed {
            screen.keys(format!("{typed}\n"));
        }
    }
    let (status, shown) = screen.finish();
    assert!(status.success(), "{shown}");
}
