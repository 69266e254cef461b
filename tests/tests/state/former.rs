//! Former values of reset states: they are dropped once no call can use them.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tests::{Fixture, Output, Project};

use crate::state;

const STATES: &str = "src/states.rs";
/// How long a value may be held after its last call.
const SOON: Duration = Duration::from_secs(30);

fn with(states: &str) -> Project {
    let project = Project::of(Fixture::EDGE_CASES);
    project.write(STATES, states);
    project
}

/// Sends one line to the program in its current sources, and returns the answer.
#[track_caller]
fn ask(project: &Project, line: &str) -> String {
    let mut driver = project.spawn_kt(["run"]);
    let answer = driver.ask(line);
    driver.finish().success();
    answer
}

/// Waits until the list of states is as `wanted`.
#[track_caller]
fn wait_for_list(project: &Project, wanted: impl Fn(&Output) -> bool) -> Output {
    let end = Instant::now() + SOON;
    loop {
        let list = state(project, ["ls"]).success();
        if wanted(&list) {
            return list;
        }
        assert!(Instant::now() < end, "{list:?}");
        thread::yield_now();
    }
}

fn nothing_is_held(list: &Output) -> bool {
    !list.stdout.contains("Former values")
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A FIFO: opening it for reading waits for a writer.
fn pipe(project: &Project, name: &str) -> std::path::PathBuf {
    let path = project.private().join(name);
    let created = Command::new("mkfifo").arg(&path).status();
    assert!(created.expect("mkfifo starts").success());
    path
}

const DOOR: &str = r#"
use std::{fs::File, io::Write, net::TcpListener, sync::Mutex};

struct Door { listener: TcpListener, log: File, note: u8 }

impl Drop for Door {
    fn drop(&mut self) {
        writeln!(self.log, "closed {}", self.note).unwrap();
    }
}

#[kt::state]
static DOOR: Mutex<Option<Door>> = Mutex::new(None);

pub fn answer(arguments: &[&str]) -> String {
    let [port, log] = arguments else { return "?".into() };
    let log = File::options().create(true).append(true).open(log).unwrap();
    match TcpListener::bind(("127.0.0.1", port.parse().unwrap())) {
        Ok(listener) => *DOOR.lock().unwrap() = Some(Door { listener, log, note: 1 }),
        Err(error) => return error.to_string(),
    }
    "open".into()
}
"#;

#[test]
fn reset_value_in_a_lock_is_dropped() {
    let project = with(DOOR);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let log = project.private().join("log");
    let open = format!("{port} {}", log.display());
    assert_eq!(ask(&project, &open), "open");
    assert_ne!(ask(&project, &open), "open");

    project.write(STATES, &DOOR.replace("note: u8", "note: u16"));
    project
        .kt(["build"])
        .success()
        .says("its former value is dropped when no call uses it any more");
    wait_for_list(&project, nothing_is_held);
    assert_eq!(lines(&log), ["closed 1"]);
    assert_eq!(ask(&project, &open), "open");
    assert_eq!(lines(&log), ["closed 1"]);
}

const POOL: &str = r#"
use std::{fs::{self, File}, io::Write, sync::OnceLock};

struct Pool { log: String, size: u8 }

#[kt::state(on_reset = close)]
static POOL: OnceLock<Pool> = OnceLock::new();

const CODE: u32 = 1;

fn close(pool: &OnceLock<Pool>) {
    let log = &pool.get().unwrap().log;
    let mut log = File::options().create(true).append(true).open(log).unwrap();
    writeln!(log, "closed by {CODE}").unwrap();
}

pub fn answer(arguments: &[&str]) -> String {
    match arguments {
        ["open", log] => { POOL.set(Pool { log: (*log).to_owned(), size: 1 }).ok(); }
        ["wait", pipe] => { fs::read(pipe).unwrap(); }
        _ => {}
    }
    CODE.to_string()
}
"#;

#[test]
fn hook_runs_once_in_old_code_after_the_last_old_call() {
    let project = with(POOL);
    let (log, pipe) = (project.private().join("log"), pipe(&project, "pipe"));
    assert_eq!(ask(&project, &format!("open {}", log.display())), "1");
    let mut waiting = project.spawn_kt(["run", "--quiet"]);
    waiting.wait_for("ready");
    waiting.send(&format!("wait {}", pipe.display()));
    // The open returns when the call reads it.
    let call = File::options().write(true).open(&pipe).expect("it exists");

    let edited = POOL
        .replace("size: u8", "size: u16")
        .replace("CODE: u32 = 1", "CODE: u32 = 2");
    project.write(STATES, &edited);
    project
        .kt(["build"])
        .success()
        .says("`on_reset` gets its former value");
    assert_eq!(ask(&project, "look"), "2");
    let list = state(&project, ["ls"]).success();
    assert!(
        list.stdout
            .contains("calls of former generations are running"),
        "{list:?}"
    );
    assert_eq!(lines(&log), [""; 0]);
    drop(call);
    wait_for_list(&project, nothing_is_held);
    assert_eq!(lines(&log), ["closed by 1"]);
    waiting.finish().success();
    assert_eq!(lines(&log), ["closed by 1"]);
}

const FAULTS: &str = r#"
use std::{fs, sync::{LazyLock, OnceLock}};

struct Held { text: String, size: u8 }

#[kt::state(on_reset = hangs)]
static HANGS: OnceLock<Held> = OnceLock::new();
#[kt::state(on_reset = panics)]
static PANICS: OnceLock<Held> = OnceLock::new();
#[kt::state]
static STAYS: LazyLock<Held> = LazyLock::new(|| Held { text: "text".into(), size: 1 });

fn hangs(held: &OnceLock<Held>) {
    fs::read(&held.get().unwrap().text).unwrap();
}

fn panics(_: &OnceLock<Held>) {
    panic!("the hook gives up");
}

pub fn answer(arguments: &[&str]) -> String {
    if let [pipe] = arguments {
        HANGS.set(Held { text: (*pipe).to_owned(), size: 1 }).ok();
    }
    STAYS.text.clone()
}
"#;

#[test]
fn hanging_or_panicking_hooks_block_nothing() {
    let project = with(FAULTS);
    // It has no writer before the end of the test.
    let pipe = pipe(&project, "pipe");
    assert_eq!(ask(&project, &pipe.display().to_string()), "text");
    project.write(STATES, &FAULTS.replace("size: u8", "size: u16"));
    project
        .kt(["build"])
        .success()
        .says("its former value stays in memory");
    let list = wait_for_list(&project, |list| {
        list.stdout
            .contains("`on_reset` panicked: the hook gives up")
            && list.stdout.contains("its `on_reset` has not returned")
    });
    assert!(list.stdout.contains("it is not inside a lock"), "{list:?}");
    assert_eq!(ask(&project, "one two"), "text");
    state(&project, ["drop", "STAYS"])
        .code(101)
        .says("it is not inside a lock");
    drop(File::options().write(true).open(&pipe));
    wait_for_list(&project, |list| !list.stdout.contains("has not returned"));
}
