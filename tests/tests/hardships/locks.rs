//! Calls and locks that a migration finds in its way.

use std::{fs, path::PathBuf, process::Command};

use tests::Project;

use crate::{build, driver, with, write};

/// Where a call waits, without a look at the clock, until it is let go.
fn latch(project: &Project) -> PathBuf {
    let path = project.private().join("latch");
    let made = Command::new("mkfifo")
        .arg(&path)
        .status()
        .expect("mkfifo runs");
    assert!(made.success());
    path
}

fn let_go(latch: &PathBuf) {
    fs::write(latch, "go").expect("somebody waits for it");
}

const LOG: &str = r#"
use std::sync::{Mutex, MutexGuard};

#[kt::state]
static LOG: Mutex<Vec<NUMBER>> = Mutex::new(Vec::new());

fn wait(latch: &str) {
    eprintln!("waiting");
    std::fs::read(latch).unwrap();
}

pub fn answer(words: &[&str]) -> String {
    match words {
        ["push", number] => LOG.lock().unwrap().push(number.parse().unwrap()),
        // Writes before it waits and after.
        ["call", latch] => {
            LOG.lock().unwrap().push(100);
            wait(latch);
            (0..1000).for_each(|number| LOG.lock().unwrap().push(number));
        }
        // Goes on when its call has ended.
        ["background", latch] => {
            let latch = latch.to_string();
            std::thread::spawn(move || {
                let mut log = LOG.lock().unwrap();
                wait(&latch);
                log.push(200);
            });
        }
        ["poison"] => {
            let mut log = LOG.lock().unwrap();
            log.push(300);
            panic!("with the lock");
        }
        ["poisoned"] => return LOG.is_poisoned().to_string(),
        _ => {}
    }
    let log = LOG.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    format!("{} {} {:?}", log.len(), log.iter().map(|&number| number as u64).sum::<u64>(), std::any::type_name_of_val(&log[0]))
}
"#;

fn log(number: &str) -> String {
    LOG.replace("NUMBER", number)
}

#[test]
fn a_type_that_changes_under_a_running_call_waits_for_it_and_loses_none_of_its_writes() {
    let project = with(&log("u32"));
    let mut old = driver(&project);
    let latch = latch(&project);
    old.ask("push 7");
    let call = format!("call {}", latch.display());
    old.send(&call);
    old.wait_for_error("waiting");

    // Not for ever: it is told who is in the way, and all goes on as it was.
    write(&project, &log("u64"));
    project
        .kt(["build", "--state-timeout", "100ms"])
        .code(101)
        .says("`hardships::states::LOG` could not be migrated")
        .says("`hardships::answer` still ran after 0.10s");

    // With patience it waits: there is no other way for it to succeed, as long as the call runs.
    write(&project, &log("u128"));
    let swap = project.spawn_kt(["build", "--state-timeout", "60s"]);
    swap.wait_for_error("Linking");
    let_go(&latch);
    swap.finish()
        .success()
        .says("Migrated hardships::states::LOG");
    old.wait_for(&format!("{call}: 1002 "));
    let mut new = driver(&project);
    let sum = 7 + 100 + (0..1000).sum::<u64>();
    assert_eq!(new.ask("look"), format!("1002 {sum} \"u128\""));
    // The old program is answered by the old code, which has no value any more that anybody would see.
    new.finish().success();
    old.finish().success();
}

#[test]
fn a_lock_that_background_work_holds_refuses_the_swap_in_time() {
    let project = with(&log("u32"));
    let mut old = driver(&project);
    let latch = latch(&project);
    old.ask("push 7");
    // The call itself ends where it waits for the lock, as nobody else may have it.
    old.send(&format!("background {}", latch.display()));
    old.wait_for_error("waiting");
    write(&project, &log("u64"));
    project
        .kt(["build", "--state-timeout", "200ms"])
        .code(101)
        .says("`hardships::states::LOG` could not be migrated");
    let_go(&latch);
    let mut new = driver(&project);
    assert_eq!(new.ask("look"), "2 207 \"u64\"");
    new.finish().success();
    old.finish().success();
}

#[test]
fn a_poisoned_lock_is_migrated_as_it_is() {
    let project = with(&log("u32"));
    let mut old = driver(&project);
    old.ask("push 7");
    let answer = old.ask("poison");
    assert!(answer.contains("panicked"), "{answer}");
    assert_eq!(old.ask("poisoned"), "true");
    write(&project, &log("u64"));
    build(&project)
        .success()
        .says("Migrated hardships::states::LOG");
    let mut new = driver(&project);
    assert_eq!(new.ask("poisoned"), "true");
    assert_eq!(new.ask("look"), "2 307 \"u64\"");
    new.finish().success();
    old.finish().success();
}
