//! Which state is which.

use crate::{ask, build, driver, with, write};

const TWINS: &str = r#"
use std::sync::Mutex;

mod one {
    use super::*;
    #[kt::state]
    pub static COUNT: Mutex<u64> = Mutex::new(0);
}

mod two {
    use super::*;
    #[kt::state]
    pub static COUNT: Mutex<u16> = Mutex::new(0);
}

use below::COUNT;

pub fn answer(words: &[&str]) -> String {
    if let ["fill"] = words {
        *one::COUNT.lock().unwrap() = 1;
        *two::COUNT.lock().unwrap() = 2;
        *COUNT.lock().unwrap() = 3;
    }
    format!("{} {} {}", one::COUNT.lock().unwrap(), two::COUNT.lock().unwrap(), COUNT.lock().unwrap())
}
"#;

#[test]
fn states_of_one_name_in_other_modules_and_crates_are_not_confused() {
    let project = with(TWINS);
    assert_eq!(ask(&project, "fill"), "1 2 3");
    // One of them changes its type, then the one below, then two change places.
    write(&project, &TWINS.replace("Mutex<u16>", "Mutex<u64>"));
    build(&project)
        .success()
        .says("Migrated hardships::states::two::COUNT");
    assert_eq!(ask(&project, "look"), "1 2 3");
    project.edit("below/src/lib.rs", "Mutex<u32>", "Mutex<u128>");
    build(&project).success().says("Migrated below::COUNT");
    assert_eq!(ask(&project, "look"), "1 2 3");
}

const CACHE: &str = r#"
use std::sync::Mutex;

#[kt::state]
static CACHE: Mutex<u64> = Mutex::new(0);

pub fn answer(words: &[&str]) -> String {
    if let ["fill"] = words {
        *CACHE.lock().unwrap() = 5;
    }
    CACHE.lock().unwrap().to_string()
}
"#;

#[test]
fn a_renamed_state_is_told_gone_and_comes_back_with_its_name() {
    let project = with(CACHE);
    assert_eq!(ask(&project, "fill"), "5");
    write(&project, &CACHE.replace("CACHE", "STORE"));
    build(&project)
        .success()
        .says("state `hardships::states::CACHE` (")
        .says("is no longer defined in the program");
    assert_eq!(ask(&project, "look"), "0");
    // Set aside, not lost.
    write(&project, CACHE);
    assert_eq!(ask(&project, "look"), "5");
}

#[test]
fn a_state_that_moves_to_another_crate_is_told_gone() {
    let project = with(CACHE);
    assert_eq!(ask(&project, "fill"), "5");
    let moved = CACHE.replace(
        "#[kt::state]\nstatic CACHE: Mutex<u64> = Mutex::new(0);",
        "use below::CACHE;",
    );
    write(&project, &moved);
    project.append(
        "below/src/lib.rs",
        "\n#[kt::state]\npub static CACHE: Mutex<u64> = Mutex::new(0);\n",
    );
    build(&project)
        .success()
        .says("state `hardships::states::CACHE` (")
        .says("is no longer defined in the program");
    assert_eq!(ask(&project, "look"), "0");
    assert_eq!(ask(&project, "fill"), "5");
}

#[test]
fn fifty_edits_in_a_row_keep_the_state() {
    let project = with(&CACHE.replace("to_string()", "to_string() + \" edit 0\""));
    let mut first = driver(&project);
    assert_eq!(first.ask("fill"), "5 edit 0");
    first.finish().success();
    for edit in 1..=50 {
        project.edit(
            "src/states.rs",
            &format!("edit {}\"", edit - 1),
            &format!("edit {edit}\""),
        );
        let output = project.spawn_kt(["run", "--quiet"]);
        output.wait_for("ready");
        let mut driver = output;
        assert_eq!(driver.ask("look"), format!("5 edit {edit}"));
        driver.finish().success();
    }
}
