//! `cargo kt exec` and `cargo kt ssh`: commands and shells next to the worker.

use std::{io::Write, process::Stdio, thread};

use tests::{Fixture, Project, Screen, ServiceProcess, noise, paste::paste_ten_megabytes};

/// A shell with a fixed prompt and no startup file.
const SHELL: [&str; 7] = [
    "ssh",
    "--env",
    "SHELL=/bin/sh",
    "--env",
    "PS1=kt> ",
    "--env",
    "ENV=",
];

fn up() -> Project {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    project
}

fn shell(project: &Project) -> Screen {
    let mut screen = project.screen(SHELL);
    screen.wait_for("kt> ");
    screen
}

/// Asks the shell for its own process.
fn process(screen: &mut Screen) -> ServiceProcess {
    screen.keys("echo process=$$.\n");
    let mut digits = String::new();
    screen.wait_for("process=$$.");
    screen.wait_for("process=");
    loop {
        match screen.next_byte() {
            b'.' => break,
            digit => digits.push(char::from(digit)),
        }
    }
    screen.wait_for("kt> ");
    ServiceProcess::open(digits.parse().expect("a process has a number"))
}

#[test]
fn exec_has_separate_streams_and_the_workers_environment() {
    let project = Project::of(Fixture::ONE);
    project.kt(["run", "--env", "KEY=worth"]).success();
    let script = "echo out $KEY $OWN; echo err >&2; pwd; exit 7";
    let output = project.kt(["exec", "--env", "OWN=mine", "--", "sh", "-c", script]);
    let output = output.code(7).says("err").does_not_report("out");
    let root = project.root().display();
    assert_eq!(output.stdout, format!("out worth mine\n{root}\n"));
    project
        .kt(["exec", "-C", "/", "--", "pwd"])
        .success()
        .prints("/");
    // Death by a signal is 128 plus its number, as in a shell.
    project
        .kt(["exec", "--", "sh", "-c", "kill -TERM $$"])
        .code(128 + 15);
    project
        .kt(["exec", "--", "no-such-program"])
        .code(101)
        .says("error: `no-such-program` not found in tester-one");
    project
        .kt(["exec", "-C", "/no/such", "--", "pwd"])
        .code(101)
        .says("error: no such directory `/no/such` in tester-one");
    // The worker is unaffected.
    project.run().success().prints("visit 2");
}

#[test]
fn exec_pipes_ten_megabytes_intact() {
    let project = up();
    let sent = noise(10_000_000);
    let mut command = project.cargo();
    command.args(["kt", "exec", "--", "cat"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let feeding = thread::spawn(move || {
        stdin.write_all(&sent).expect("the command takes it");
        sent
    });
    let output = child.wait_with_output().expect("it is our child");
    let sent = feeding.join().expect("the feeder does not panic");
    assert!(output.status.success(), "{}", output.status);
    assert!(output.stdout == sent, "what came back is not what was sent");
}

#[test]
fn exec_exits_quietly_when_its_reader_closes_stdout() {
    let project = up();
    let mut command = project.cargo();
    command.args(["kt", "exec", "--", "yes"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it is our child");
    assert_eq!(output.status.code(), Some(128 + 13), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn shell_has_the_terminals_size_keys_and_its_own_exit_status() {
    let project = up();
    let mut screen = shell(&project);
    screen.keys("stty size\n");
    screen.wait_for("24 80");
    screen.resize(101, 33);
    // The size travels separately from the keys: poll until it arrives.
    screen.keys("until [ \"$(stty size)\" = '33 101' ]; do :; done; echo $((40 + 2)) rows\n");
    screen.wait_for("42 rows");
    screen.keys("printf 'gr\\303\\274\\303\\237e %s\\n' äöü\n");
    screen.wait_for("grüße äöü");
    // Ctrl-C interrupts the running command, not the shell.
    screen.keys("sh -c 'echo $((100 + 1)) begins; exec sleep 1000'\n");
    screen.wait_for("101 begins");
    screen.keys("\x03");
    screen.wait_for("kt> ");
    screen.keys("echo status $?.\n");
    screen.wait_for("status 130.");
    // Ctrl-Z stops it.
    screen.keys("sh -c 'echo $((200 + 2)) begins; exec sleep 1000'\n");
    screen.wait_for("202 begins");
    screen.keys("\x1a");
    screen.wait_for("kt> ");
    screen.keys("jobs; kill -KILL %1\n");
    screen.wait_for("Stopped");
    // A shell with a stopped job refuses the first `exit`.
    screen.keys("while jobs > jobs; grep -q Stopped jobs; do :; done; echo $((300 + 3)) over\n");
    screen.wait_for("303 over");
    screen.keys("exit 7\n");
    let (status, shown) = screen.finish();
    assert_eq!(status.code(), Some(7), "{shown}");
}

#[test]
fn ten_megabytes_paste_into_a_shell_intact() {
    let project = up();
    let mut screen = shell(&project);
    paste_ten_megabytes(&mut screen);
    screen.keys("exit\n");
    assert!(screen.finish().0.success());
}

#[test]
fn closed_terminal_stops_its_shell_even_if_it_ignores_sighup() {
    let project = up();
    let mut screen = shell(&project);
    screen.keys("trap '' HUP\n");
    screen.wait_for("kt> ");
    let ignorant = process(&mut screen);
    screen.close();
    ignorant.assert_exits();
    // A killed client cannot report its end.
    let mut screen = shell(&project);
    let left = process(&mut screen);
    screen.kill();
    left.assert_exits();
    project.run().success().prints("visit 2");
}

#[test]
fn shell_reports_its_stopped_service_on_a_narrow_terminal() {
    let project = up();
    let mut screen = project.screen_of(10, 3, SHELL);
    screen.wait_for("kt> ");
    project.kt(["down", "--all"]).success();
    screen.wait_for("stopped, and the command with it");
    let (status, shown) = screen.finish();
    assert_eq!(status.code(), Some(101), "{shown}");
}

#[test]
fn running_command_keeps_the_service_and_an_idle_prompt_does_not() {
    let project = Project::of(Fixture::ONE);
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    // Twice the TTL.
    project.kt(["exec", "--", "sleep", "4"]).success();
    let mut screen = shell(&project);
    screen.wait_for("stopped, and the command with it");
    assert_eq!(screen.finish().0.code(), Some(101));
}

#[test]
fn exec_without_a_service_shows_how_to_start_one() {
    let project = Project::of(Fixture::ONE);
    project
        .kt(["exec", "--", "true"])
        .code(101)
        .says("error: no services are up")
        .says("cargo kt run");
    project
        .kt(["ssh", "no-such-service"])
        .code(101)
        .says("error: no service named `no-such-service`");
}
