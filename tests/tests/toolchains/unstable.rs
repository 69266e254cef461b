//! Unstable settings of cargo. `RUSTC_BOOTSTRAP` enables them on a stable toolchain. Each expected
//! line is what `cargo run` prints. docs/cargo-settings.md lists them.

use tests::{Fixture, Project};

const HEAD: &str = "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

/// The fixture with these unstable features of the manifest, and with more in `[package]`.
fn project(features: &[&str], package: &str) -> Project {
    let mut project = Project::of(Fixture::ONE);
    project.environment("RUSTC_BOOTSTRAP", "1");
    project.edit("Cargo.toml", HEAD, &format!("{HEAD}{package}"));
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &format!("cargo-features = {features:?}\n{manifest}"),
    );
    project
}

/// Makes the remote function's greeting end with the value of an expression.
fn greet_with(project: &Project, expression: &str) {
    project.edit(
        "src/main.rs",
        "format!(\"hello {name}, visit {visit}\")",
        &format!("format!(\"hello {{name}}, visit {{visit}}: {{}}\", {expression})"),
    );
}

/// A library with a function that returns `text`, as a package.
fn library(project: &Project, directory: &str, name: &str, text: &str) {
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    project.write(&format!("{directory}/Cargo.toml"), &manifest);
    project.write(
        &format!("{directory}/src/lib.rs"),
        &format!("pub fn text() -> &'static str {{\n    \"{text}\"\n}}\n"),
    );
}

#[test]
fn settings_of_the_manifest_are_honored_at_builds_and_at_edits() {
    let features = [
        "different-binary-name",
        "multiple-build-scripts",
        "path-bases",
        "per-package-target",
        "profile-rustflags",
        "trim-paths",
    ];
    let package = "build = [\"first.rs\", \"second.rs\"]\nforced-target = \"x86_64-unknown-linux-gnu\"\n\
                   \n[[bin]]\nname = \"one\"\npath = \"src/main.rs\"\nfilename = \"different\"\n";
    let project = project(&features, package);
    project.edit(
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\nbelow = { path = \"below\" }\nbased = { base = \"outside\", path = \"based\" }\n",
    );
    project.append(
        "Cargo.toml",
        "\n[profile.dev.package.one]\nrustflags = [\"--cfg=flagged\", \"--check-cfg=cfg(flagged)\"]\ntrim-paths = \"all\"\n\
         \n[profile.dev.package.below]\nhint-mostly-unused = true\n",
    );
    let outside = project.private().display();
    project.write(
        ".cargo/config.toml",
        &format!("[unstable]\nprofile-hint-mostly-unused = true\n\n[path-bases]\noutside = \"{outside}\"\n"),
    );
    library(&project, "below", "below", "below 1");
    library(&project, &format!("{outside}/based"), "based", "based 1");
    let based = format!("{outside}/based/src/lib.rs");
    for (name, more) in [("first", "FIRST"), ("second", "SECOND")] {
        project.write(
            &format!("{name}.rs"),
            &format!(
                "fn main() {{\n    println!(\"cargo::rerun-if-changed={name}.rs\");\n    \
                 println!(\"cargo::rustc-env={more}=1\");\n    println!(\"cargo::rustc-env=BOTH={name}\");\n    \
                 let file = std::env::var(\"OUT_DIR\").unwrap() + \"/which\";\n    \
                 std::fs::write(file, \"{name}\").unwrap();\n}}\n"
            ),
        );
    }
    greet_with(&project, "describe()");
    project.append(
        "src/main.rs",
        "
fn describe() -> String {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let set = [set(\"FIRST\"), set(\"SECOND\"), set(\"BOTH\")].concat();
    let which = |directory: &str| std::fs::read_to_string(format!(\"{directory}/which\")).unwrap();
    let compiled = which(env!(\"OUT_DIR\"));
    let runs = which(&std::env::var(\"OUT_DIR\").unwrap());
    let code = [below::text(), based::text(), env!(\"BOTH\")].join(\" \");
    format!(\"{} {code} {set} {compiled} {runs}\", cfg!(flagged))
}
",
    );
    let expected = "true below 1 based 1 second 11second first second";
    let plain = project.cargo_run().success();
    plain.prints(&format!("hello Alice, visit 1: {expected}"));
    let run = |visit: u32, expected: &str| {
        let output = project.run().success();
        output.prints(&format!("hello Alice, visit {visit}: {expected}"))
    };
    run(1, expected);
    project.edit("below/src/lib.rs", "below 1", "below 2");
    project.edit(&based, "based 1", "based 2");
    let expected = "true below 2 based 2 second 11second first second";
    run(2, expected).says("kept one::VISITS");
    // rustc starts in another directory.
    let root = project.private().parent().unwrap().display();
    let run = |visit: u32, expected: &str| {
        let output = project
            .kt(["run", "-Z", &format!("root-dir={root}")])
            .success();
        output.prints(&format!("hello Alice, visit {visit}: {expected}"))
    };
    run(3, expected);
    project.edit(&based, "based 2", "based 3");
    run(4, "true below 2 based 3 second 11second first second");
}

#[test]
fn an_artifact_dependency_is_a_program_of_its_own() {
    let project = project(&[], "");
    project.edit(
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\ntool = { path = \"tool\", artifact = \"bin\" }\n",
    );
    let manifest = HEAD.replace("one", "tool");
    project.write("tool/Cargo.toml", &manifest);
    project.write(
        "tool/src/main.rs",
        "fn main() {\n    print!(\"tool 1\");\n}\n",
    );
    greet_with(
        &project,
        "String::from_utf8(std::process::Command::new(env!(\"CARGO_BIN_FILE_TOOL\")).output().unwrap().stdout).unwrap()",
    );
    let run = ["run", "-Z", "bindeps"];
    project
        .kt(run)
        .success()
        .prints("hello Alice, visit 1: tool 1");
    project.edit("src/main.rs", "hello", "good day");
    project
        .kt(run)
        .success()
        .prints("good day Alice, visit 2: tool 1");
    project.edit("tool/src/main.rs", "tool 1", "tool 2");
    let edited = project.kt(run).success();
    edited.prints("good day Alice, visit 3: tool 2");
}

#[test]
fn packages_with_unstable_features_are_built_as_by_cargo() {
    let future = project(
        &["unstable-editions", "metabuild"],
        "metabuild = [\"meta\"]\n",
    );
    future.edit("Cargo.toml", "edition = \"2024\"", "edition = \"future\"");
    future.edit(
        "Cargo.toml",
        "[dependencies]\n",
        "[build-dependencies]\nmeta = { path = \"meta\" }\n\n[dependencies]\n",
    );
    library(&future, "meta", "meta", "");
    future.write(
        "meta/src/lib.rs",
        "pub fn metabuild() {\n    println!(\"cargo::rustc-env=META=1\");\n}\n",
    );
    greet_with(&future, "env!(\"META\")");
    future.run().success().prints("hello Alice, visit 1: 1");
    future.edit("src/main.rs", "hello", "good day");
    future.run().success().prints("good day Alice, visit 2: 1");

    // rustc does not compile a program of that name.
    let named = project(&["open-namespaces"], "");
    named.edit("Cargo.toml", "name = \"one\"", "name = \"one::two\"");
    let error = "invalid character ':' in crate name";
    named.cargo_run().code(101).says(error);
    named.run().code(101).says(error);
}
