//! A program whose calls print in every way.

use tests::{Fixture, Project};

const MAIN: &str = r#"
use std::{
    path::Path,
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Barrier;

#[kt::state]
static CALLS: AtomicU64 = AtomicU64::new(0);

static TOGETHER: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

#[kt::remote]
fn say(text: String) -> u64 {
    println!("{}", text.replace("ESC", "\u{1b}"));
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

#[kt::remote]
fn say_error(text: String) {
    eprintln!("{text}");
}

#[kt::remote]
fn have_a_child_say(text: String) {
    Command::new("echo").arg(text).status().unwrap();
}

#[kt::remote]
async fn meet(name: String) {
    TOGETHER.wait().await;
    println!("{name} met");
    TOGETHER.wait().await;
}

/// A thread that prints once there is a file, long after the call that started it.
#[kt::remote]
fn leave_a_thread(file: String) {
    std::thread::spawn(move || {
        while !Path::new(&file).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        println!("printed by a thread");
    });
}

#[kt::remote]
async fn hold() {
    println!("holding");
    std::future::pending().await
}

#[kt::remote]
fn crash() {
    println!("about to crash");
    std::process::abort();
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments[1..].join(" ");
    match &*arguments[0] {
        "say" => drop(say(rest).await?),
        "lines" => {
            for line in 0..rest.parse::<u32>().unwrap() {
                say(format!("line {line}")).await?;
            }
        }
        "error" => say_error(rest).await?,
        "child" => have_a_child_say(rest).await?,
        "meet" => {
            let (one, other) = tokio::join!(meet("one".into()), meet("other".into()));
            one.and(other)?;
        }
        "thread" => leave_a_thread(rest).await?,
        "hold" => hold().await?,
        "crash" => drop(crash().await),
        other => panic!("{other}"),
    }
    Ok(())
}
"#;

/// The program, not run yet.
pub fn project() -> Project {
    let project = Project::of(Fixture::ONE);
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &manifest.replace(
            "[\"macros\", \"rt-multi-thread\", \"time\"]",
            "[\"macros\", \"rt-multi-thread\", \"sync\", \"time\"]",
        ),
    );
    project.write("src/main.rs", MAIN);
    project
}
