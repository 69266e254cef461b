//! Functions with `#[kt::init]`, over real crates: they run once in each worker, before its first
//! call.

use tests::{Fixture, Project};

const MAIN: &str = "app/src/main.rs";
const ORDER: &str = "below subscriber pool waits spawned";

#[test]
fn init_functions_run_once_in_order_and_not_after_an_edit() {
    let project = Project::of(Fixture::START);
    project
        .run()
        .success()
        .says("app::a_subscriber, app::b_pool")
        .prints("c_waits has run")
        .prints("summing 3")
        .prints("(6, 3)")
        .prints(&format!("\n{ORDER}\n"));
    // A second `init()` would panic, and a second pool would fail.
    project
        .run()
        .success()
        .does_not_report("Initialized")
        .prints("summing 3")
        .prints(&format!("\n{ORDER}\n"));
    project.edit(MAIN, "summing {}", "adding {}");
    project
        .run()
        .success()
        .does_not_report("Initialized")
        .prints("adding 3")
        .prints(&format!("\n{ORDER}\n"));
}

#[test]
fn edited_or_new_init_function_runs_at_the_next_start() {
    let project = Project::of(Fixture::START);
    project.run().success();
    project.edit(MAIN, "note(\"pool\")", "note(\"lake\")");
    project.append(
        MAIN,
        "\n#[kt::init]\nfn d_late() {\n    below::note(\"late\");\n}\n",
    );
    project
        .run()
        .success()
        .says("init function `app::b_pool` changed after it ran")
        .says("init function `app::d_late` is new and has not run")
        .says("help: `cargo kt down tester-app` stops it")
        .does_not_report("Initialized")
        .prints(&format!("\n{ORDER}\n"));
    // Reported once.
    project.run().success().does_not_report("init function");
    project.edit(MAIN, "summing", "adding");
    project.run().success().does_not_report("init function");
    project.kt(["down", "--all"]).success();
    project
        .run()
        .success()
        .prints("below subscriber lake waits late spawned");
}

#[test]
fn worker_after_a_crash_runs_init_functions_again() {
    let project = Project::of(Fixture::START);
    project.run().success();
    project
        .run_with("crash")
        .success()
        .prints("c_waits has run")
        .prints("summing 3")
        .prints("(6, 3)")
        .prints(&format!("\n{ORDER}\n"));
}

#[test]
fn failed_init_function_is_an_error_and_the_next_run_retries() {
    let project = Project::of(Fixture::START);
    let whole = project.read(MAIN);
    let (good, bad) = (
        "below::note(\"pool\");",
        "Err(std::io::Error::other(\"no water\"))?;",
    );
    project.edit(MAIN, good, bad);
    project
        .run()
        .code(101)
        .says("init function `app::b_pool` (app/src/main.rs:")
        .says(") failed: no water")
        .says("help: correct it and run again");
    project.kt(["logs"]).success();

    project.write(MAIN, &whole.replace(good, "panic!(\"a leak\");"));
    project
        .run()
        .code(101)
        .says("init function `app::b_pool` (app/src/main.rs:")
        .says("panicked at app/src/main.rs:")
        .says(": a leak");

    project.write(MAIN, &whole);
    project.run().success().prints(&format!("\n{ORDER}\n"));
}

#[test]
fn hanging_init_function_is_named_at_the_load_timeout() {
    let project = Project::of(Fixture::START);
    let good = "below::note(\"pool\");";
    let hangs = "loop {\n        std::thread::park();\n    }";
    project.edit(MAIN, good, hangs);
    project
        .run()
        .code(101)
        .says("init function `app::b_pool` did not return within")
        .says("help: calls wait for it");
    project.edit(MAIN, hangs, good);
    project.run().success().prints(&format!("\n{ORDER}\n"));
}

#[test]
fn plain_cargo_does_not_call_init_functions() {
    let project = Project::of(Fixture::START);
    project.edit(
        MAIN,
        "    println!(\"{}\", order()",
        "    below::note(\"spawned\");\n    println!(\"{}\", order()",
    );
    let output = project.plain_cargo(["run", "--quiet"]).success();
    assert!(!output.stdout.contains("c_waits"), "{output:?}");
    assert_eq!(output.answer("spawned"), "");
    assert_eq!(output.stderr, "");
}

#[test]
fn missing_subscriber_in_the_worker_is_reported_once() {
    let project = Project::of(Fixture::START);
    let without = project
        .read(MAIN)
        .replace("#[kt::init]\nfn a_subscriber", "fn a_subscriber")
        .replace("async fn main() -> Result<(), kt::Error> {\n", "async fn main() -> Result<(), kt::Error> {\n    a_subscriber();\n    tracing::info!(\"here\");\n")
        .replace("below::note(\"subscriber\");", "");
    project.write(MAIN, &without);
    let note = "this program has a `tracing` subscriber, but the worker that runs its remote functions has none";
    let first = project.run().success().says(note).says("#[kt::init]");
    assert_eq!(first.stderr.matches(note).count(), 1, "{first:?}");
    project.run().success().does_not_report(note);

    // Apply the help.
    project.write(
        MAIN,
        &without.replace("fn a_subscriber", "#[kt::init]\nfn a_subscriber"),
    );
    project.kt(["down", "--all"]).success();
    project
        .run()
        .success()
        .prints("summing 3")
        .does_not_report(note);
}
