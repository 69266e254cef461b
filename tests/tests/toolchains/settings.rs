//! Settings of cargo, with plain `cargo run` as the judge. docs/cargo-settings.md lists them all.

use tests::{Fixture, Project};

/// A program whose remote function and `main` both print an expression.
pub fn printing(expression: &str) -> String {
    format!(
        "#[kt::remote]
fn remote() -> String {{
    {expression}
}}

fn main() {{
    let here = {{ {expression} }};
    println!(\"{{here}} {{}} edit 1\", remote().blocking().unwrap());
}}
"
    )
}

/// Runs it, edits it and runs it again; plain cargo prints the same.
#[track_caller]
pub fn prints_as_under_cargo(project: &Project, expected: &str) {
    let expected = |edit: u32| format!("{expected} edit {edit}\n");
    assert_eq!(project.cargo_run().success().stdout, expected(1));
    assert_eq!(project.run().success().stdout, expected(1));
    project.edit("src/main.rs", "edit 1", "edit 2");
    let edited = project.run().success();
    assert_eq!(edited.stdout, expected(2), "{edited:?}");
    project.edit("src/main.rs", "edit 2", "edit 1");
}

#[test]
fn a_build_script_may_call_cargo() {
    for profile in ["", "--release"] {
        let project = Project::of(Fixture::ONE);
        project.write(
            "inner/Cargo.toml",
            "[package]\nname = \"inner\"\nedition = \"2024\"\n[workspace]\n",
        );
        project.write(
            "inner/src/main.rs",
            "fn main() {\n    print!(\"inner\");\n}\n",
        );
        project.write(
            "build.rs",
            &format!(
                r#"use std::{{env, path::Path, process::Command}};

fn main() {{
    let variable = |name: &str| env::var(name).unwrap();
    let target = Path::new(&variable("OUT_DIR")).join("inner");
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--offline", "--manifest-path", "inner/Cargo.toml"]);
    cargo.args("{profile}".split_whitespace()).args(["--target", &variable("TARGET")]);
    assert!(cargo.arg("--target-dir").arg(&target).status().unwrap().success());
    let profile = if "{profile}".is_empty() {{ "debug" }} else {{ "release" }};
    let inner = target.join(variable("TARGET")).join(profile).join("inner");
    let output = Command::new(&inner).output().unwrap();
    println!("cargo::rustc-env=INNER={{}}", String::from_utf8(output.stdout).unwrap());
    println!("cargo::rerun-if-changed=inner");
}}
"#
            ),
        );
        project.write("src/main.rs", &printing("env!(\"INNER\").to_owned()"));
        prints_as_under_cargo(&project, "inner inner");
    }
}

#[test]
fn denied_warnings_fail_an_edit_and_allowed_ones_are_hidden() {
    let mut project = Project::of(Fixture::ONE);
    // Stable since cargo 1.97.
    project.environment("RUSTC_BOOTSTRAP", "1");
    project.environment("CARGO_UNSTABLE_WARNINGS", "true");
    let main = project.read("src/main.rs");
    project.write(".cargo/config.toml", "[build]\nwarnings = \"deny\"\n");
    project.run().success().prints("visit 1");
    project.append("src/main.rs", "\nfn unused() {}\n");
    project.cargo_run().code(101).says("unused");
    project.run().code(101).says("unused");
    project.write("src/main.rs", &main.replace("hello", "hi"));
    project.run().success().prints("hi Alice, visit 2");

    project.write(".cargo/config.toml", "[build]\nwarnings = \"allow\"\n");
    project.append("src/main.rs", "\nfn unused() {}\n");
    let hidden = project.run().success();
    hidden
        .prints("hi Alice, visit 3")
        .does_not_report("never used");
    project.edit("src/main.rs", "hi {name}", "hey {name}");
    let hidden = project.run().success();
    hidden
        .prints("hey Alice, visit 4")
        .does_not_report("never used");
}

#[test]
fn link_arguments_of_the_program_are_reported_as_unused() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rustc-link-arg=-Wl,-rpath,/opt/x\");\n}\n",
    );
    let output = project.run().success();
    output
        .prints("hello Alice, visit 1")
        .says("link arguments are not used, since kt links it itself: -Wl,-rpath,/opt/x");
}

#[test]
fn the_last_included_file_wins_and_the_including_one_over_it() {
    let project = Project::of(Fixture::ONE);
    let who = "std::env::var(\"WHO\").unwrap_or_default()";
    project.write("src/main.rs", &printing(who));
    for name in ["a", "b"] {
        project.write(
            &format!(".cargo/{name}.toml"),
            &format!("[env]\nWHO = {{ value = \"{name}\", force = true }}\n"),
        );
    }
    for (include, expected) in [
        ("\"a.toml\", \"b.toml\"", "b b"),
        ("\"b.toml\", \"a.toml\"", "a a"),
    ] {
        project.write(".cargo/config.toml", &format!("include = [{include}]\n"));
        prints_as_under_cargo(&project, expected);
        project.kt(["down", "--all"]).success();
    }
    let own = "include = [\"a.toml\"]\n[env]\nWHO = { value = \"own\", force = true }\n";
    project.write(".cargo/config.toml", own);
    prints_as_under_cargo(&project, "own own");
}

#[test]
fn configuration_with_the_old_name_hides_the_other() {
    let project = Project::of(Fixture::ONE);
    let expression =
        "format!(\"{:?}{:?}\", std::env::var(\"OLD\").is_ok(), std::env::var(\"NEW\").is_ok())";
    project.write("src/main.rs", &printing(expression));
    project.write(".cargo/config", "[env]\nOLD = \"1\"\n");
    project.write(".cargo/config.toml", "[env]\nNEW = \"1\"\n");
    prints_as_under_cargo(&project, "truefalse truefalse");
}

#[test]
fn the_target_of_this_machine_has_a_name() {
    let mut project = Project::of(Fixture::ONE);
    let output = project.kt(["run", "--target", "host-tuple"]).success();
    output.prints("hello Alice, visit 1");
    let configured = |target: &str| {
        project.write(
            ".cargo/config.toml",
            &format!("[build]\ntarget = {target}\n"),
        );
        project.run().success()
    };
    configured("\"host-tuple\"").does_not_report("is replaced by");
    configured("[\"x86_64-unknown-linux-musl\"]").says("is replaced by");

    project.write(".cargo/config.toml", "[alias]\ngo = [\"kt\", \"run\"]\n");
    project.environment("CARGO_BUILD_TARGET", "x86_64-unknown-linux-musl");
    project.plain_cargo(["go"]).success().says("is replaced by");
}

#[test]
fn variables_that_cargo_sets_are_not_those_of_the_configuration_or_the_shell() {
    let mut project = Project::of(Fixture::ONE);
    let configured = "[env]
CARGO = { value = \"/nowhere\", force = true }
LD_LIBRARY_PATH = { value = \"/nowhere\", force = true }
CARGO_PKG_NAME = { value = \"/nowhere\", force = true }
";
    project.write(".cargo/config.toml", configured);
    for name in [
        "OUT_DIR",
        "CARGO_MANIFEST_DIR",
        "CARGO_PKG_NAME",
        "CARGO_BIN_NAME",
    ] {
        project.environment(name, "/shell");
    }
    let expression = "std::env::vars()
        .filter(|(_, value)| value.contains(\"/nowhere\") || value.contains(\"/shell\"))
        .map(|(name, _)| name)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(\",\")";
    project.write("src/main.rs", &printing(expression));
    prints_as_under_cargo(&project, "CARGO_BIN_NAME,OUT_DIR CARGO_BIN_NAME,OUT_DIR");
}

#[test]
fn the_build_directory_of_the_configuration_is_not_used() {
    let project = Project::of(Fixture::ONE);
    project.write(".cargo/config.toml", "[build]\nbuild-dir = \"other\"\n");
    project.run().success().prints("visit 1");
    let typed = ["run", "--config", "build.build-dir=\"typed\""];
    project.kt(typed).success().prints("visit 2");
    for directory in ["other", "typed"] {
        assert!(!project.root().join(directory).exists(), "{directory}");
    }
}
