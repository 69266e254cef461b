//! Which environment, arguments and working directory the program and its remote functions see.

use std::collections::BTreeMap;

use tests::{Fixture, Output, Project};

const MAIN: &str = r#"
use std::sync::atomic::{AtomicU64, Ordering};

#[kt::state]
static CALLS: AtomicU64 = AtomicU64::new(0);

#[kt::remote]
fn worker_variables() -> (Vec<(String, String)>, u64) {
    (std::env::vars().collect(), CALLS.fetch_add(1, Ordering::Relaxed) + 1)
}

fn show(place: &str, variables: impl Iterator<Item = (String, String)>) {
    for (name, value) in variables {
        println!("{place} {name}={value}");
    }
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    show("driver", std::env::vars());
    let (variables, calls) = worker_variables().await?;
    show("worker", variables.into_iter());
    println!("call {calls}");
    Ok(())
}
"#;

/// A program that shows both environments; with a build script that sets a variable.
fn project() -> Project {
    let project = Project::of(Fixture::ONE);
    project.write("src/main.rs", MAIN);
    project
}

/// The variables that the program saw in the `driver` or the `worker`.
fn seen(output: &Output, place: &str) -> BTreeMap<String, String> {
    let lines = output.stdout.lines();
    let of_place = lines.filter_map(|line| line.strip_prefix(place)?.strip_prefix(' '));
    of_place
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn is(output: &Output, place: &str, name: &str) -> Option<String> {
    seen(output, place).remove(name)
}

#[test]
fn cargo_run_variables_reach_program_and_remote_functions() {
    let project = project();
    project.write(
        ".cargo/config.toml",
        "[env]\nPLAIN = \"p\"\nBELOW = { value = \"a/b\", relative = true }\nFORCED = { value = \"f\", force = true }\nGIVEN = \"no\"\n",
    );
    project.write(
        "build.rs",
        "fn main() { println!(\"cargo::rerun-if-changed=build.rs\\ncargo::rustc-env=FROM_SCRIPT=a=b\") }",
    );
    let with = |command: &str| {
        let mut cargo = project.cargo();
        cargo.args(command.split(' '));
        cargo.env("GIVEN", "yes").env("FORCED", "no");
        tests::Running::start(cargo).finish().success()
    };
    let plain = seen(&with("run"), "driver");
    let kt = with("kt run");
    let names: Vec<_> = plain
        .keys()
        .filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        .map(String::as_str)
        .chain(["PLAIN", "BELOW", "FORCED", "GIVEN", "FROM_SCRIPT"])
        .collect();
    assert!(names.len() > 16, "{names:?}");
    for place in ["driver", "worker"] {
        let kt = seen(&kt, place);
        for name in &names {
            assert_eq!(kt.get(*name), plain.get(*name), "{name} {place}");
        }
        assert!(kt["OUT_DIR"].contains("/target/kt/"), "{}", kt["OUT_DIR"]);
    }
}

#[test]
fn changed_env_option_replaces_the_worker_and_keeps_the_state() {
    let project = project();
    let run = |arguments: &str| {
        let run = ["run"].into_iter().chain(arguments.split_whitespace());
        project.kt(run).success()
    };
    let first = run("--env APP_MODE=dev").prints("call 1");
    assert_eq!(is(&first, "worker", "APP_MODE").as_deref(), Some("dev"));
    // The same value changes nothing.
    run("--env APP_MODE=dev").prints("call 2");
    let changed = run("--env APP_MODE=prod")
        .says("needs a new worker: the requested environment changed: APP_MODE=dev (here prod)")
        .prints("call 3");
    assert_eq!(is(&changed, "worker", "APP_MODE").as_deref(), Some("prod"));
    let none = run("").prints("call 4");
    assert_eq!(is(&none, "worker", "APP_MODE"), None);

    project.write(".cargo/config.toml", "[env]\nAPP_MODE = \"configured\"\n");
    let configured = run("").prints("call 5");
    for place in ["driver", "worker"] {
        assert_eq!(
            is(&configured, place, "APP_MODE").as_deref(),
            Some("configured")
        );
    }
}

#[test]
fn other_shells_environment_is_reported_once_without_secrets() {
    let mut project = project();
    project.environment("APP_MODE", "dev");
    project.environment("API_TOKEN", "first");
    project.run().success().prints("call 1");
    project.environment("APP_MODE", "prod");
    project.environment("API_TOKEN", "second");
    project.environment("RUST_LOG", "debug");
    project.environment("TERM_SESSION_ID", "2");
    let output = project.run().success().prints("call 2");
    assert_eq!(is(&output, "worker", "APP_MODE").as_deref(), Some("dev"));
    let note = output
        .stderr
        .lines()
        .find(|line| line.contains("remote functions have the environment"))
        .unwrap_or_else(|| panic!("no note: {output:?}"));
    assert!(
        note.ends_with(
            "API_TOKEN has another value here, APP_MODE=dev (here prod), no RUST_LOG (here debug)"
        ),
        "{note}"
    );
    assert!(output.stderr.contains("help: `--env"), "{output:?}");
    let again = project.run().success().prints("call 3");
    assert!(!again.stderr.contains("remote functions have"), "{again:?}");
}

/// The differences that the note about the environment of remote functions lists.
fn environment_note(output: &Output) -> Option<&str> {
    let of_line =
        |line| str::strip_prefix(line, "note: remote functions have the environment that ");
    let note = output.stderr.lines().find_map(of_line)?;
    note.split_once(" was started with: ").map(|(_, note)| note)
}

#[test]
fn changed_cargo_variables_are_reported_once_each() {
    let mut project = project();
    let script = |prints: &[&str]| {
        let prints: String = prints
            .iter()
            .map(|line| format!("println!(\"cargo::rustc-env={line}\");"))
            .collect();
        format!("fn main() {{ println!(\"cargo::rerun-if-changed=build.rs\");{prints} }}")
    };
    project.write("build.rs", &script(&["FLAVOR=none"]));
    let first = project.run().success().prints("call 1");
    assert_eq!(environment_note(&first), None);

    project.write("build.rs", &script(&["FLAVOR=none", "STAMP=s1"]));
    let added = project.run().success().prints("call 2");
    assert_eq!(is(&added, "driver", "STAMP").as_deref(), Some("s1"));
    assert_eq!(is(&added, "worker", "STAMP"), None);
    assert_eq!(
        environment_note(&added),
        Some("no STAMP (`cargo run` sets s1)")
    );
    added.says("help: `env!(\"STAMP\")` is the value at compile time");

    let version = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &version.replace("version = \"0.1.0\"", "version = \"0.1.1\""),
    );
    let raised = project.run().success().prints("call 3");
    let old = is(&raised, "worker", "CARGO_PKG_VERSION");
    assert_eq!(old.as_deref(), Some("0.1.0"));
    let note = environment_note(&raised).unwrap_or_default();
    assert!(
        note.starts_with(
            "CARGO_PKG_VERSION=0.1.0 (`cargo run` sets 0.1.1), CARGO_PKG_VERSION_PATCH=0 (`cargo run` sets 1)"
        ) && !note.contains("STAMP"),
        "{raised:?}"
    );
    let again = project.run().success().prints("call 4");
    assert_eq!(environment_note(&again), None, "{again:?}");

    // A build script's variable overrides the shell's in driver and worker: nothing differs.
    project.environment("FLAVOR", "rose");
    let shell = project.run().success().prints("call 5");
    for place in ["driver", "worker"] {
        assert_eq!(is(&shell, place, "FLAVOR").as_deref(), Some("none"));
    }
    assert_eq!(environment_note(&shell), None, "{shell:?}");
    project.write("build.rs", &script(&["FLAVOR=rose", "STAMP=s1"]));
    let changed = project.run().success().prints("call 6");
    assert_eq!(is(&changed, "worker", "FLAVOR").as_deref(), Some("none"));
    assert_eq!(
        environment_note(&changed),
        Some("FLAVOR=none (`cargo run` sets rose)")
    );

    project.kt(["down", "--all"]).success();
    let fresh = project.run().success().prints("call 1");
    assert_eq!(is(&fresh, "worker", "FLAVOR").as_deref(), Some("rose"));
    assert_eq!(is(&fresh, "worker", "STAMP").as_deref(), Some("s1"));
    assert_eq!(environment_note(&fresh), None);
}

/// As in cargo, regardless of `force`.
#[test]
fn build_script_variable_overrides_the_configuration() {
    let project = project();
    project.write(
        ".cargo/config.toml",
        "[env]\nFLAVOR = { value = \"configured\", force = true }\n",
    );
    project.write(
        "build.rs",
        "fn main() { println!(\"cargo::rerun-if-changed=build.rs\\ncargo::rustc-env=FLAVOR=script\") }",
    );
    let plain = project.plain_cargo(["run"]).success();
    assert_eq!(is(&plain, "driver", "FLAVOR").as_deref(), Some("script"));
    let kt = project.run().success();
    for place in ["driver", "worker"] {
        assert_eq!(is(&kt, place, "FLAVOR").as_deref(), Some("script"));
    }
}

#[test]
fn another_working_directory_is_reported() {
    let project = project();
    project.run().success().prints("call 1");
    let mut cargo = project.cargo();
    cargo
        .args(["kt", "run"])
        .current_dir(project.root().join("src"));
    let output = tests::Running::start(cargo)
        .finish()
        .success()
        .prints("call 2");
    let here = format!("(here {}/src)", project.root().display());
    assert!(output.stderr.contains(&here), "{output:?}");
}

#[test]
fn package_reached_by_a_symlink_is_the_same_service() {
    let project = project();
    project.run().success().prints("call 1");
    let link = project.private().join("link");
    std::os::unix::fs::symlink(project.root(), &link).expect("/tmp can be written");
    let manifest = link.join("Cargo.toml").display().to_string();
    project
        .kt(["run", "--manifest-path", &*manifest])
        .success()
        .prints("call 2");
    assert_eq!(project.services().len(), 1);
}

#[test]
fn unused_runner_is_reported() {
    for (file, key) in [
        (
            "[target.x86_64-unknown-linux-gnu]\nrunner = \"valgrind\"\n",
            "`target.x86_64-unknown-linux-gnu.runner` (`valgrind`) is not used",
        ),
        (
            "[target.'cfg(unix)']\nrunner = [\"valgrind\", \"-q\"]\n",
            "`target.'cfg(unix)'.runner`",
        ),
    ] {
        let project = project();
        project.write(".cargo/config.toml", file);
        project.run().success().says(key).prints("call 1");
    }
}
