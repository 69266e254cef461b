//! Sessions that the documentation shows, followed word for word.

use std::fs;

use crate::{Project, checkout};

/// Types what a page's block of `console` shows behind `$ cargo kt` and `(gdb)`, and behind a question, and waits for all that it
/// shows besides. `…` stands for anything.
pub fn follow(page: &str, project: &Project) {
    let page = fs::read_to_string(checkout().join(page)).expect("the page can be read");
    let (_, session) = page.split_once("```console\n").expect("it has a session");
    let (session, _) = session.split_once("```").expect("the session ends");
    let mut lines = session.lines();
    let command = lines
        .next()
        .and_then(|line| line.strip_prefix("$ cargo kt "));
    let command = command.expect("it begins with a command");
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
