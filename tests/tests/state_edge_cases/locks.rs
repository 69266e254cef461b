//! Calls and locks that block a migration.

use std::{fs, path::PathBuf, process::Command};

use tests::Project;

use crate::{build, driver, with, write};

/// A FIFO at which a call waits until [`release`] writes to it.
fn latch(project: &Project) -> PathBuf {
    let path = project.private().join("latch");
    let created = Command::new("mkfifo")
        .arg(&path)
        .status()
        .expect("mkfifo runs");
    assert!(created.success());
    path
}

fn release(latch: &PathBuf) {
    fs::write(latch, "go").expect("a call waits for it");
}

const LOG: &str = r#"
use std::sync::{Mutex, MutexGuard};

#[kt::state]
static LOG: Mutex<Vec<NUMBER>> = Mutex::new(Vec::new());

fn wait(latch: &str) {
    eprintln!("waiting");
    std::fs::read(latch).unwrap();
}

pub fn answer(arguments: &[&str]) -> String {
    match arguments {
        ["push", number] => LOG.lock().unwrap().push(number.parse().unwrap()),
        // Writes before it waits and after.
        ["call", latch] => {
            LOG.lock().unwrap().push(100);
            wait(latch);
            (0..1000).for_each(|number| LOG.lock().unwrap().push(number));
        }
        // Keeps running after its call.
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
fn migration_waits_for_a_running_call_and_keeps_its_writes() {
    let project = with(&log("u32"));
    let mut old = driver(&project);
    let latch = latch(&project);
    old.ask("push 7");
    let call = format!("call {}", latch.display());
    old.send(&call);
    old.wait_for_error("waiting");

    // Not forever: the error names the blocking call, and nothing changes.
    write(&project, &log("u64"));
    project
        .kt(["build", "--state-timeout", "100ms"])
        .code(101)
        .says("`edge_cases::states::LOG` could not be migrated")
        .says("`edge_cases::answer` still ran after 0.10s");

    // With a longer timeout it waits: it cannot succeed while the call runs.
    write(&project, &log("u128"));
    let swap = project.spawn_kt(["build", "--state-timeout", "60s"]);
    swap.wait_for_error("Linking");
    release(&latch);
    swap.finish()
        .success()
        .says("Migrated edge_cases::states::LOG");
    old.wait_for(&format!("{call}: 1002 "));
    let mut new = driver(&project);
    let sum = 7 + 100 + (0..1000).sum::<u64>();
    assert_eq!(new.ask("look"), format!("1002 {sum} \"u128\""));
    // The old code still answers the old program, but its copy of the state is out of use.
    new.finish().success();
    old.finish().success();
}

#[test]
fn lock_held_by_a_background_thread_fails_the_swap_in_time() {
    let project = with(&log("u32"));
    let mut old = driver(&project);
    let latch = latch(&project);
    old.ask("push 7");
    // The call then blocks on the lock, which its background thread holds.
    old.send(&format!("background {}", latch.display()));
    old.wait_for_error("waiting");
    write(&project, &log("u64"));
    project
        .kt(["build", "--state-timeout", "200ms"])
        .code(101)
        .says("`edge_cases::states::LOG` could not be migrated");
    release(&latch);
    let mut new = driver(&project);
    assert_eq!(new.ask("look"), "2 207 \"u64\"");
    new.finish().success();
    old.finish().success();
}

#[test]
fn poisoned_lock_stays_poisoned_after_a_migration() {
    let project = with(&log("u32"));
    let mut old = driver(&project);
    old.ask("push 7");
    let answer = old.ask("poison");
    assert!(answer.contains("panicked"), "{answer}");
    assert_eq!(old.ask("poisoned"), "true");
    write(&project, &log("u64"));
    build(&project)
        .success()
        .says("Migrated edge_cases::states::LOG");
    let mut new = driver(&project);
    assert_eq!(new.ask("poisoned"), "true");
    assert_eq!(new.ask("look"), "2 307 \"u64\"");
    new.finish().success();
    old.finish().success();
}
