//! Breakpoints, and `cargo kt debug` with the real gdb. Needs the Debian packages `gdb` and `gdbserver`, which `.ci/run` installs.

use std::{fs, process::Command};

use tests::{Fixture, Output, Project, Running};

/// A project whose driver waits for commands.
fn started(arguments: &[&str]) -> (Project, Running) {
    let mut project = Project::of(Fixture::DEBUGGER);
    project.environment("KT_NAME", "debugged");
    let driver = driver(&project, arguments);
    (project, driver)
}

fn driver(project: &Project, arguments: &[&str]) -> Running {
    let driver = project.spawn_kt(["run"].iter().chain(arguments).copied());
    driver.wait_for("ready");
    driver
}

/// Runs gdb's commands at the first stop.
fn debug(project: &Project, arguments: &[&str]) -> Output {
    project.kt(["debug", "--timeout", "60s"]
        .iter()
        .chain(arguments)
        .copied())
}

/// The process of gdb that a command has started.
fn gdb_of(debugger: &Running) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", cargo_kt_of(debugger));
    let children = fs::read_to_string(children).expect("the command lives");
    let mut children = children.split_whitespace();
    let named = |pid: &&str| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "gdb")
    };
    let gdb = children.find(named).expect("it has started gdb");
    gdb.parse().expect("a number")
}

/// cargo runs a subcommand by exec.
fn cargo_kt_of(command: &Running) -> u32 {
    command.id()
}

fn kill(pid: u32) {
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn the_terminal_shows_where_a_call_waits_and_a_debugger_shows_its_variables() {
    let (project, mut driver) = started(&[]);
    driver.send("greet hello 2");
    let place = driver.wait_for_error("breakpoint reached");
    assert_eq!(
        place,
        "kt: breakpoint reached: `debugger::greet` at src/main.rs:12 (service debugged, call `debugger::greet`)"
    );
    driver.wait_for_error("help: run `cargo kt debug debugged` to attach a debugger; without one the call continues after 10 min");
    assert_eq!(driver.ask("echo 1"), "Ok(2)", "other calls are answered");

    let commands = [
        "-ex",
        "bt",
        "-ex",
        "info locals",
        "-ex",
        "next",
        "-ex",
        "frame",
    ];
    let shown = debug(&project, &commands).success();
    shown
        .prints("debugger::greet::greet::{async_fn#0}")
        .prints("words = Vec(size=2) = {\"hello\", \"hello\"}")
        .prints("times = 2")
        .prints("let joined = words.join(\" \");");
    driver.wait_for("greet hello 2: \"hello hello\"");
    assert_eq!(driver.ask("echo 2"), "Ok(3)");
    driver.finish().success();
}

#[test]
fn plain_functions_and_libraries_stop_too() {
    let (project, mut driver) = started(&[]);
    driver.send("count word");
    driver.wait_for_error("`debugger::count` at src/main.rs:20");
    debug(&project, &["-ex", "info locals"])
        .success()
        .prints("letters = 4");
    driver.wait_for("count word: 4");

    driver.send("double 21");
    driver.wait_for_error("`below::double` at below/src/lib.rs:6");
    debug(&project, &["-ex", "info locals"])
        .success()
        .prints("doubled = 42");
    driver.wait_for("double 21: 42");
    driver.finish().success();
}

#[test]
fn a_generation_before_three_reloads_is_shown_with_the_text_that_it_was_made_of() {
    let (project, mut driver) = started(&[]);
    driver.send("greet hello 2");
    driver.wait_for_error("`debugger::greet` at src/main.rs:12");
    for line in ["//! One.", "//! Two.", "//! Three."] {
        let source = project.read("src/main.rs");
        project.write("src/main.rs", &format!("{line}\n{source}"));
        // A line that moves is other code wherever a panic can name it.
        project.kt(["build"]).success().says("Swapped");
    }
    let shown = debug(&project, &["-ex", "list", "-ex", "print words"]).success();
    shown
        .prints("\n12\t    kt::breakpoint!();\n")
        .prints("= Vec(size=2) = {\"hello\", \"hello\"}");
    driver.wait_for("greet hello 2: \"hello hello\"");

    // The newest one is where it is now.
    let mut second = self::driver(&project, &[]);
    second.send("greet again 1");
    second.wait_for_error("`debugger::greet` at src/main.rs:15");
    debug(&project, &["-ex", "list"])
        .success()
        .prints("\n15\t    kt::breakpoint!();\n");
    second.wait_for("greet again 1: \"again\"");
    second.finish().success();
    driver.finish().success();
}

#[test]
fn a_breakpoint_of_the_debuggers_own_stops_a_call_and_is_gone_afterwards() {
    let (mut project, driver) = started(&[]);
    driver.finish().success();
    project.environment("KT_DEBUG_INFO", "full");
    let mut driver = self::driver(&project, &[]);
    // Behind the assignment: one line can be several statements to a debugger.
    let place = "src/main.rs:32";
    let commands = ["-ex", "info locals"];
    let debugger = project.spawn_kt(
        ["debug", "--timeout", "60s", "--break", place]
            .into_iter()
            .chain(commands),
    );
    debugger.wait_for("kt: attached");
    driver.send("square 12");
    debugger.finish().success().prints("squared = 144");
    driver.wait_for("square 12: 144");
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    driver.send("square 3");
    driver.wait_for("square 3: 9");
    driver.finish().success();
}

#[test]
fn a_crate_that_was_built_with_lines_alone_is_built_with_its_variables_for_a_breakpoint() {
    let project = Project::of(Fixture::ONE);
    // Only the run itself is told where the target directory is.
    let (usual, moved) = (project.root().join("target"), project.root().join("moved"));
    fs::rename(&usual, &moved).expect("it can be moved");
    let run = ["run", "--quiet", "--target-dir", "moved"];
    project.kt(run).success().prints("visit 1");
    let commands = [
        "--break",
        "src/main.rs:11",
        "-ex",
        "info locals",
        "-ex",
        "info args",
    ];
    let debugger = project.spawn_kt(["debug", "--timeout", "60s"].into_iter().chain(commands));
    debugger.wait_for("kt: attached");
    let program = project.spawn_kt(run);
    debugger
        .finish()
        .success()
        .says("Building one with full debug information")
        .says(", generation 2)")
        .prints("visit = 2")
        .prints("name = \"Alice\"");
    program.finish().success().prints("visit 2");
    // It stays so, and nothing is built again.
    project.kt(run).success().prints("visit 3");
    assert_eq!(project.services()[0]["generation"], 2);
    fs::rename(moved, usual).expect("it can be moved back");
}

#[test]
fn a_breakpoint_in_generic_code_of_another_crate_is_in_the_crate_that_uses_it() {
    let project = Project::of(Fixture::ONE);
    // No member of the workspace: how it is compiled is the profile's matter.
    let manifest = "[package]\nname = \"outside\"\nedition = \"2024\"\n";
    project.write("outside/Cargo.toml", manifest);
    let source = "pub fn twice<T: Clone>(one: T) -> [T; 2] {\n    let other = one.clone();\n    [one, other]\n}\n\
                  pub fn plain(number: u32) -> u32 {\n    number + 1\n}\n";
    project.write("outside/src/lib.rs", source);
    project.edit(
        "Cargo.toml",
        "[workspace]\n",
        "[workspace]\nexclude = [\"outside\"]\n",
    );
    let dependencies = "[dependencies]\noutside = { path = \"outside\" }\n";
    project.edit("Cargo.toml", "[dependencies]\n", dependencies);
    let visit = "let visit = u64::from(outside::plain(0)) * outside::twice(VISITS.fetch_add(1, Ordering::Relaxed) + 1)[1];";
    project.edit(
        "src/main.rs",
        "let visit = VISITS.fetch_add(1, Ordering::Relaxed) + 1;",
        visit,
    );
    project.run().prints("visit 1");
    let commands = ["--break", "outside/src/lib.rs:3", "-ex", "info locals"];
    let debugger = project.spawn_kt(["debug", "--timeout", "60s"].into_iter().chain(commands));
    debugger.wait_for("kt: attached");
    let program = project.spawn_kt(["run", "--quiet"]);
    debugger
        .finish()
        .success()
        .says("Building one with full debug information")
        .says("the debug information of outside has no variables")
        .says("help: set `debug = true` in `[profile.dev.package.outside]` of Cargo.toml")
        .prints("other = 2");
    program.finish().success().prints("visit 2");
}

#[test]
fn a_profile_without_debug_information_is_none_for_a_breakpoint_and_what_optimized_code_lacks_is_named()
 {
    let mut project = Project::of(Fixture::DEBUGGER);
    project.environment("KT_NAME", "debugged");
    let profile = "\n[profile.dev.package.debugger]\nopt-level = 3\ndebug = 0\n";
    project.append("Cargo.toml", profile);
    let mut driver = driver(&project, &[]);
    driver.send("greet hello 2");
    driver.wait_for_error("breakpoint reached");
    debug(&project, &["-ex", "info locals"])
        .success()
        .prints("words = Vec(size=2) = {\"hello\", \"hello\"}")
        .prints("kt: note: optimized out at this location: ")
        .prints("help: build with `opt-level = 0` to keep all variables");
    driver.wait_for("greet hello 2: \"hello hello\"");
    driver.finish().success();
}

#[test]
fn an_editor_speaks_to_gdb_as_the_configuration_for_it_says() {
    let (project, mut driver) = started(&[]);
    driver.send("greet hello 2");
    driver.wait_for_error("breakpoint reached");
    let printed = project.kt(["debug", "--print-launch-json"]).success();
    let launch: serde_json::Value = serde_json::from_str(&printed.stdout).expect("it is JSON");
    let text = |name: &str| launch[name].as_str().expect("it is text").to_owned();
    assert!(text("miDebuggerPath").ends_with("cargo-kt"), "{launch}");
    let arguments = text("miDebuggerArgs");
    let arguments = arguments.strip_prefix("kt ").expect("it is `cargo kt`");
    let mut editor = project.spawn_kt(arguments.split(' ').chain(["--interpreter=mi"]));
    let stopped = editor.wait_for("*stopped,reason=\"signal-received\",signal-name=\"SIGTRAP\"");
    let source = project.root().join("src/main.rs").display().to_string();
    assert!(
        stopped.contains(&format!("fullname=\"{source}\",line=\"12\"")),
        "{stopped}"
    );
    let thread = stopped.split("thread-id=\"").nth(1);
    let thread = thread.and_then(|rest| rest.split('"').next());
    let thread = thread.expect("it names the thread");
    editor.send(&format!(
        "-stack-list-variables --thread {thread} --frame 0 --simple-values"
    ));
    editor.wait_for("name=\"words\"");
    editor.send(&format!("-exec-next --thread {thread}"));
    editor.wait_for("*stopped,reason=\"end-stepping-range\"");
    editor.send("-gdb-exit");
    editor.finish();
    driver.wait_for("greet hello 2: \"hello hello\"");
    driver.finish().success();
}

#[test]
fn a_call_goes_on_when_nobody_attaches_in_time() {
    let (_project, mut driver) = started(&["--breakpoint-timeout", "1s"]);
    driver.send("count word");
    driver.wait_for_error(
        "kt: warning: no debugger attached within 1 s: `debugger::count` continues at src/main.rs:20",
    );
    driver.wait_for("count word: 4");
    driver.finish().success();
}

#[test]
fn a_call_whose_program_has_gone_goes_on() {
    let (project, mut driver) = started(&[]);
    driver.send("count word");
    driver.wait_for_error("breakpoint reached");
    kill(driver.id());
    drop(driver);
    let log = project.spawn_kt(["logs", "--follow"]);
    log.wait_for("kt: warning: the program that made the call has exited: `debugger::count` continues at src/main.rs:20");
    drop(log);
    let mut driver = self::driver(&project, &[]);
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    driver.finish().success();
}

#[test]
fn a_thousand_calls_wait_behind_one_and_go_on_when_the_debugger_leaves() {
    let (project, mut driver) = started(&[]);
    driver.send("crowd 1000");
    driver.wait_for_error("breakpoint reached");
    let shown = debug(&project, &["-ex", "info locals"]).success();
    shown.prints("letters = ");
    driver.wait_for("crowd: 1000 answered");
    let said = driver.finish().success();
    assert_eq!(
        said.stderr.matches("breakpoint reached").count(),
        1,
        "{said:?}"
    );
}

#[test]
fn so_many_calls_pass_before_one_stops() {
    let (project, mut driver) = started(&[]);
    // Attached before any call: nothing is announced.
    let debugger = project.spawn_kt(["debug", "--ignore", "2", "-ex", "print text"]);
    debugger.wait_for("kt: attached");
    for text in ["a", "bb"] {
        driver.send(&format!("count {text}"));
        driver.wait_for(&format!("count {text}: {}", text.len()));
    }
    driver.send("count ccc");
    debugger.finish().success().prints("= \"ccc\"");
    driver.wait_for("count ccc: 3");
    driver.finish().success();
}

#[test]
fn a_second_debugger_reads_who_is_first() {
    let (project, mut driver) = started(&[]);
    let first = project.spawn_kt(["debug", "--timeout", "60s", "-ex", "info locals"]);
    first.wait_for("kt: attached");
    let second = debug(&project, &["-ex", "bt"]).code(101);
    second
        .says("debugged is already being debugged: a debugger of tester@")
        .says("help: quit that gdb first");
    driver.send("count word");
    first.finish().success();
    driver.wait_for("count word: 4");
    driver.finish().success();
}

#[test]
fn a_killed_debugger_leaves_the_worker_unharmed() {
    let (mut project, driver) = started(&[]);
    driver.finish().success();
    project.environment("KT_DEBUG_INFO", "full");
    let mut driver = self::driver(&project, &[]);
    let worker = driver.ask("worker");
    for kills_gdb in [true, false] {
        // It never gets to its command: no call reaches the place before the end.
        let debugger = project.spawn_kt([
            "debug",
            "--timeout",
            "60s",
            "--break",
            "debugger::square",
            "-ex",
            "bt",
        ]);
        debugger.wait_for("kt: attached");
        driver.send("count word");
        debugger.wait_for("debugger::count");
        match kills_gdb {
            true => {
                kill(gdb_of(&debugger));
                debugger.finish();
            }
            false => kill(cargo_kt_of(&debugger)),
        }
        driver.wait_for("count word: 4");
        // Where the debugger's own breakpoint was.
        driver.send("square 12");
        driver.wait_for("square 12: 144");
        assert_eq!(driver.ask("worker"), worker);
    }
    driver.finish().success();
}

#[test]
fn a_program_that_reads_the_terminal_keeps_its_keys() {
    let mut project = Project::of(Fixture::DEBUGGER);
    project.environment("KT_NAME", "debugged");
    let mut screen = project.screen(["run"]);
    screen.wait_for("ready");
    screen.keys("greet hello 2\n");
    screen.wait_for("breakpoint reached");
    screen.wait_for("help: run `cargo kt debug debugged` to attach a debugger");
    screen.keys("echo 1\n");
    screen.wait_for("Ok(2)");
    debug(&project, &["-ex", "bt"]).success();
    screen.wait_for("greet hello 2: \"hello hello\"");
    screen.keys("\x04");
    let (status, shown) = screen.finish();
    assert!(status.success(), "{shown}");
    assert!(!shown.contains("[y/N]"), "{shown}");
}

#[test]
fn an_idle_debugger_does_not_keep_the_service() {
    let (project, driver) = started(&["--inactivity-ttl", "3s"]);
    driver.finish().success();
    let mut screen = project.screen(["debug"]);
    screen.wait_for("kt: attached");
    screen.wait_for("Remote connection closed");
    screen.keys("quit\n");
    screen.finish();
    assert_eq!(project.services(), [""; 0]);
}

#[test]
fn new_code_waits_for_the_debugger_or_is_refused() {
    let (project, mut driver) = started(&[]);
    for (reload, says) in [
        (
            "wait",
            "Waiting for the debugger of debugged: a debugger of tester@",
        ),
        ("refuse", "a debugger of tester@"),
    ] {
        let debugger = project.spawn_kt(["debug", "--reload", reload, "-ex", "info locals"]);
        debugger.wait_for("kt: attached");
        project.edit("src/main.rs", "number + 1", "number + 1 + 0");
        let run = project.spawn_kt(["run"]);
        run.wait_for_error(says);
        driver.send("count word");
        debugger.finish().success();
        driver.wait_for("count word: 4");
        match reload {
            "wait" => {
                run.wait_for("ready");
                run.finish().success();
            }
            _ => {
                run.finish().code(101).says("help: detach it");
            }
        }
        project.edit("src/main.rs", "number + 1 + 0", "number + 1");
        driver.finish().success();
        driver = self::driver(&project, &[]);
    }
    driver.finish().success();
}

#[test]
fn a_worker_that_is_killed_while_a_call_is_stopped_ends_the_session_and_the_call() {
    let (project, mut driver) = started(&[]);
    let worker: u32 = driver.ask("worker").parse().expect("a number");
    driver.send("count word");
    driver.wait_for_error("breakpoint reached");
    let killing = format!("shell kill -KILL {worker}");
    let debugger = debug(&project, &["-ex", &killing, "-ex", "next"]);
    assert!(!debugger.status.success(), "{debugger:?}");
    debugger.prints("the worker of debugged exited");
    driver.wait_for("count word: ");
    assert_eq!(driver.ask("echo 1"), "Ok(2)", "another worker takes over");
    driver.finish().success();
}

#[test]
fn under_plain_cargo_a_breakpoint_does_nothing() {
    let project = Project::of(Fixture::DEBUGGER);
    let mut command = project.cargo();
    command.args(["run", "--quiet"]);
    let mut program = Running::start(command);
    program.wait_for("ready");
    program.send("count word");
    program.wait_for("count word: 4");
    program.finish().success();
}

#[test]
fn a_gdb_that_cannot_be_used_is_named_with_what_to_install() {
    let (mut project, driver) = started(&[]);
    driver.finish().success();
    let old = project.private().join("old-gdb");
    let python = project.private().join("gdb-without-python");
    for (path, text) in [
        (&old, "#!/bin/sh\necho 'GNU gdb (GDB) 11.2'\n"),
        (
            &python,
            "#!/bin/sh\n[ \"$1\" = --version ] && echo 'GNU gdb (GDB) 13.2'\nexit 0\n",
        ),
    ] {
        fs::write(path, text).expect("it can be written");
        let executable = Command::new("chmod").arg("+x").arg(path).status();
        assert!(executable.expect("chmod runs").success());
    }
    project.environment("RUST_GDB", "no-such-gdb");
    debug(&project, &[])
        .code(101)
        .says("help: install the package `gdb`");
    project.environment("RUST_GDB", old.display());
    debug(&project, &[])
        .code(101)
        .says("is gdb 11.2, but kt requires gdb 12 or newer");
    project.environment("RUST_GDB", python.display());
    debug(&project, &[])
        .code(101)
        .says("was built without Python");
}
