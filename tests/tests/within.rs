//! Calls of remote functions inside the worker: they enter the newest code, even from a thread that
//! still runs old code.

use tests::{Fixture, Project};

const FILE: &str = "src/main.rs";
const MAIN: &str = r#"
use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Sender, SyncSender, sync_channel},
    },
    thread,
};

#[kt::state]
static ACTOR: Mutex<Option<SyncSender<Sender<String>>>> = Mutex::new(None);

#[kt::remote]
fn answer(n: u64) -> u64 {
    n * 10
}

/// Keeps running the code that started it.
fn act() -> SyncSender<Sender<String>> {
    let (sender, asked) = sync_channel::<Sender<String>>(1);
    thread::spawn(move || {
        for asker in asked {
            let answered = answer(3).blocking();
            let own = answer(3).local().blocking();
            let text = match (answered, own) {
                (Ok(answer), Ok(own)) => format!("{answer}, and by its own code {own}"),
                (Err(error), _) | (_, Err(error)) => format!("error: {error}"),
            };
            let _ = asker.send(text);
        }
    });
    sender
}

#[kt::remote]
fn ask() -> String {
    let (asker, reply) = std::sync::mpsc::channel();
    let actor = ACTOR.lock().unwrap().get_or_insert_with(act).clone();
    actor.send(asker).unwrap();
    reply.recv().unwrap()
}

#[kt::state]
static COUNT: Mutex<u64> = Mutex::new(0);
#[kt::state]
static BUSY: OnceLock<()> = OnceLock::new();
#[kt::state]
static STOP: AtomicBool = AtomicBool::new(false);
#[kt::state]
static DONE: AtomicU64 = AtomicU64::new(0);

#[kt::remote]
fn bump() {
    *COUNT.lock().unwrap() += 1;
}

/// Calls without a pause, from a thread outside any call.
#[kt::remote]
fn keep_busy() {
    BUSY.get_or_init(|| {
        thread::spawn(|| {
            while !STOP.load(Ordering::SeqCst) {
                bump().blocking().unwrap();
                DONE.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    while DONE.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
}

#[kt::remote]
fn stop() -> (String, String) {
    STOP.store(true, Ordering::SeqCst);
    loop {
        let (counted, done) = (COUNT.lock().unwrap().to_string(), DONE.load(Ordering::SeqCst).to_string());
        if counted == done {
            return (counted, done);
        }
        thread::yield_now();
    }
}

/// Waits for a task of its own, which calls.
#[kt::remote]
async fn through_a_task() -> u64 {
    tokio::spawn(async { answer(1).await.unwrap() + answer(2).await.unwrap() }).await.unwrap()
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    match std::env::args().nth(1).as_deref() {
        Some("busy") => keep_busy().await?,
        Some("stop") => println!("{:?}", stop().timeout(std::time::Duration::from_secs(30)).await?),
        Some("task") => println!("{}", through_a_task().await?),
        _ => println!("{}", ask().await?),
    }
    Ok(())
}
"#;

fn project() -> Project {
    let project = Project::of(Fixture::ONE);
    project.write(FILE, MAIN);
    project
}

#[test]
fn thread_of_old_code_calls_the_newest_code() {
    let project = project();
    project.run().success().prints("30, and by its own code 30");
    project.edit(FILE, "n * 10", "n * 20");
    project.run().success().prints("60, and by its own code 30");
    project.edit(FILE, "n * 20", "n * 30");
    project.run().success().prints("90, and by its own code 30");
    // Back to the object whose code the thread runs.
    project.write(FILE, MAIN);
    project.run().success().prints("30, and by its own code 30");
    project.edit(FILE, "    n * 10", "    panic!(\"no {n}\")");
    project.run().success().prints("error: ").prints("no 3");
}

#[test]
fn changed_types_are_an_error_and_removed_functions_run_old_code() {
    let project = project();
    project.run().success().prints("30, and");
    project.edit(FILE, "fn answer(n: u64) -> u64", "fn answer(n: i16) -> i16");
    project.edit(
        FILE,
        "async { answer(1).await.unwrap() + answer(2).await.unwrap() }",
        "async { 0 }",
    );
    project
        .run()
        .success()
        .prints(
            "error: the types of `one::answer` do not match: its caller was built with `fn(u64) -> u64`, the function now has \
             `fn(i16) -> i16`; the caller is code from before an edit that still runs in the worker: `cargo kt state clear STATE` \
             stops it if a state holds it, `cargo kt down SERVICE` stops all such code",
        );
    project.kt(["state", "clear", "ACTOR"]).success();
    project.run().success().prints("30, and by its own code 30");
    project.write(FILE, &MAIN.replace("answer(", "reply("));
    project.run().success().prints("30, and by its own code 30");
}

#[test]
fn state_migrates_while_a_thread_calls_without_a_pause() {
    let project = project();
    project.run_with("busy").success();
    for (from, to) in [("u64", "u128"), ("u128", "u64"), ("u64", "u128")] {
        project.edit(
            FILE,
            &format!("COUNT: Mutex<{from}>"),
            &format!("COUNT: Mutex<{to}>"),
        );
        project
            .run_with("busy")
            .success()
            .says("Migrated one::COUNT");
    }
    project.run_with("stop").success();
}

/// The gate is closed during a migration.
#[test]
fn migration_may_call_remote_functions() {
    let project = project();
    project.run_with("busy").success();
    project.run_with("stop").success();
    project.edit(
        FILE,
        "#[kt::state]\nstatic COUNT: Mutex<u64>",
        "fn widen(old: u64) -> u128 {\n    u128::from(answer(old).blocking().unwrap())\n}\n\n\
         #[kt::state(migrate = widen)]\nstatic COUNT: Mutex<u128>",
    );
    project.run().success().says("Migrated one::COUNT");
}

#[test]
fn call_may_wait_for_a_task_that_calls() {
    let project = project();
    project.run_with("task").success().prints("30");
    project.edit(FILE, "n * 10", "n * 20");
    project.run_with("task").success().prints("60");
}

#[test]
fn kept_state_with_old_code_is_named_once_per_edit() {
    let project = Project::of(Fixture::ONE);
    let main = r#"
use std::sync::{Mutex, atomic::{AtomicU64, Ordering}};

trait Answers: Send { fn answer(&self) -> u64; }
struct Ten;
impl Answers for Ten { fn answer(&self) -> u64 { 10 } }

#[kt::state]
static HOLDS: Mutex<Option<Box<dyn Answers>>> = Mutex::new(None);
#[kt::state]
static PLAIN: AtomicU64 = AtomicU64::new(0);

#[kt::remote]
fn ask() -> (u64, u64) {
    let mut holds = HOLDS.lock().unwrap();
    (holds.get_or_insert_with(|| Box::new(Ten)).answer(), PLAIN.fetch_add(1, Ordering::Relaxed))
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    println!("{:?}", ask().await?);
    Ok(())
}
"#;
    project.write(FILE, main);
    let note = "was kept and may hold code of generation";
    project.run().success().does_not_report(note);
    project.edit(FILE, "{ 10 }", "{ 20 }");
    project
        .run()
        .success()
        .prints("(10, 1)")
        .says("state `one::HOLDS` was kept and may hold code of generation 1 or before (a `dyn one::Answers")
        .says(
            "help: call a `#[kt::remote]` function from it, which always enters the newest code, or re-initialize its value with \
             `cargo kt state clear one::HOLDS`",
        )
        .does_not_report("state `one::PLAIN`");
    project
        .run()
        .success()
        .prints("(10, 2)")
        .does_not_report(note);
    // Apply the help.
    project.kt(["state", "clear", "one::HOLDS"]).success();
    project.run().success().prints("(20, 3)");
}

/// A lazy cell's initializer is code too, but does not run again once the cell has its value.
#[test]
fn states_with_old_code_share_a_line_without_used_lazy_cells() {
    let project = Project::of(Fixture::ONE);
    let main = r#"
use std::sync::{LazyLock, Mutex};

#[kt::state]
static LAZY: LazyLock<Mutex<Vec<u32>>> = LazyLock::new(Mutex::default);
#[kt::state]
static POINTER: Mutex<Option<fn() -> u32>> = Mutex::new(None);
#[kt::state]
static LAZY_POINTER: LazyLock<Mutex<Vec<fn() -> u32>>> = LazyLock::new(|| Mutex::new(vec![one]));

#[kt::state]
static UNUSED: LazyLock<u32> = LazyLock::new(one);

fn one() -> u32 { 1 }

#[kt::remote]
fn ask_the_unused() -> u32 { **UNUSED }

#[kt::remote]
fn ask() -> Vec<u32> {
    LAZY.lock().unwrap().push(7);
    let held = POINTER.lock().unwrap().get_or_insert(one)();
    let lazy = LAZY_POINTER.lock().unwrap()[0]();
    vec![LAZY.lock().unwrap().len() as u32, held, lazy]
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    match std::env::args().nth(1) {
        Some(_) => println!("{}", ask_the_unused().await?),
        None => println!("{:?}", ask().await?),
    }
    Ok(())
}
"#;
    project.write(FILE, main);
    project.run().success().prints("[1, 1, 1]");
    project.edit(FILE, "{ 1 }", "{ 2 }");
    let output = project.run().success().prints("[2, 1, 1]");
    let (_, note) = output.stderr.split_once("note: ").expect("a note");
    let lines: Vec<_> = note.lines().take(3).collect();
    assert_eq!(
        lines[..2],
        [
            "3 states were kept and may hold code of generation 1 or before, which does not change: `one::LAZY_POINTER` (a function \
             pointer), `one::POINTER` (a function pointer), `one::UNUSED` (its initializer)",
            "help: call a `#[kt::remote]` function from it, which always enters the newest code, or re-initialize their values with \
             `cargo kt state clear one::LAZY_POINTER one::POINTER one::UNUSED`",
        ],
        "{output:?}"
    );
    output.does_not_report("one::LAZY`");
    project.run_with("unused").success().prints("1");
    let named = ["one::LAZY_POINTER", "one::POINTER", "one::UNUSED"];
    let clear = ["state", "clear"].into_iter().chain(named);
    project.kt(clear).success();
    project.run().success().prints("[3, 2, 2]");
    project.run_with("unused").success().prints("2");
}

#[test]
fn hot_server_answers_with_new_code_from_the_same_port() {
    let project = Project::of(Fixture::DEMOS);
    let run = || project.kt(["run", "--example", "hot_server"]).success();
    let first = run().prints("<h1>Hello you</h1>");
    project.edit(
        "examples/hot_server.rs",
        "<h1>Hello {name}</h1>",
        "<h2>Good day {name}</h2>",
    );
    let second = run().prints("<h2>Good day you</h2>");
    assert_eq!(first.answer("http://"), second.answer("http://"));
}
