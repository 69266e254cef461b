//! Builds after the first: without cargo if that is safe, else with it.

use cargo_kt::compile::{BuildError, How};

use crate::fixture::{Built, KT_MAIN, Workspace, rebuilt, versions};

fn replayed(built: &Built) -> Vec<&str> {
    match &built.how {
        How::Replayed { crates } => crates.iter().map(String::as_str).collect(),
        other => panic!("not replayed: {other:?}"),
    }
}

fn why_cargo(built: &Built) -> &str {
    match &built.how {
        How::Cargo { reason } => reason,
        other => panic!("cargo was not called: {other:?}"),
    }
}

#[test]
fn unchanged_program_starts_no_process() {
    let mut workspace = Workspace::new();
    let first = workspace.build();
    // Starting this executable would fail.
    workspace.context.executable = "/nonexistent".into();
    let second = workspace.build();
    assert_eq!(second.how, How::Unchanged);
    assert_eq!(first.compiled, second.compiled);
}

#[test]
fn edit_is_replayed_in_affected_crates() {
    let workspace = Workspace::new();
    let before = versions(&workspace.build());
    workspace.write(
        "leaf/src/lib.rs",
        "pub fn leaf() -> u32 { deep::deep() + 2 }\n",
    );
    let after = workspace.build();
    assert_eq!(replayed(&after), ["leaf", "app"]);
    assert_eq!(rebuilt(&before, &after), ["leaf", "app"]);
    assert_eq!(workspace.build().how, How::Unchanged);
    workspace.write(
        "app/src/main.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", leaf::leaf() + 9) }}\n"),
    );
    assert_eq!(replayed(&workspace.build()), ["app"]);
}

#[test]
fn replayed_artifacts_equal_those_of_cargo() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write(
        "deep/src/lib.rs",
        "pub fn deep() -> u32 { 5 }\npub fn more() {}\n",
    );
    let replayed = workspace.build();
    let by_replay = members(&replayed);
    // Compare all members but those that contain the type identities.
    for entry in workspace.path("target/kt").read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() && path.file_name() != Some("warm") {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    let by_cargo = members(&workspace.build());
    for (ours, theirs) in by_replay.iter().zip(&by_cargo) {
        assert_eq!(ours.0, theirs.0);
        assert!(ours == theirs, "the members of {} differ", ours.0);
    }
}

/// The contents of each rlib's members, without their names, which contain a random number of
/// rustc.
fn members(built: &Built) -> Vec<(String, Vec<Vec<u8>>)> {
    let members = |rlib: &camino::Utf8Path| {
        let data = std::fs::read(rlib).unwrap();
        let archive = object::read::archive::ArchiveFile::parse(&*data).unwrap();
        let contents = archive
            .members()
            .map(|member| member.unwrap().data(&*data).unwrap().to_vec());
        contents.collect()
    };
    built
        .compiled
        .hot
        .iter()
        .map(|hot| (hot.crate_name.clone(), members(&hot.rlib)))
        .collect()
}

#[test]
fn cargo_after_a_replay_recompiles_stale_artifacts() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 5 }\n");
    replayed(&workspace.build());
    // Restore the old content. The edit of a manifest calls cargo.
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 1 }\n");
    workspace.package(
        "leaf",
        "deep = { path = \"../deep\" }\n\n[features]\nnew = []\n",
    );
    let built = workspace.build();
    assert!(
        why_cargo(&built).contains("leaf/Cargo.toml"),
        "{:?}",
        built.how
    );
    assert_eq!(workspace.build().how, How::Unchanged);
}

#[test]
fn broken_code_fails_and_its_fix_is_replayed() {
    let workspace = Workspace::new();
    let good = workspace.build();
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { \"no\" }\n");
    let (result, heard) = workspace.try_build();
    assert!(matches!(result, Err(BuildError::Compile { code: 101 })));
    let diagnostics = heard.diagnostics.into_inner().unwrap();
    assert!(diagnostics.contains("mismatched types"), "{diagnostics}");
    assert!(
        diagnostics.contains("could not compile `deep` (lib) due to 1 previous error"),
        "{diagnostics}"
    );
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 1 }\n");
    let repaired = workspace.build();
    assert_eq!(replayed(&repaired), ["deep", "leaf", "app"]);
    assert_eq!(
        repaired.compiled.hot[0].sources_hash,
        good.compiled.hot[0].sources_hash
    );
}

#[test]
fn second_build_of_the_same_broken_code_calls_cargo() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { \"no\" }\n");
    workspace.fail();
    let (result, heard) = workspace.try_build();
    assert!(matches!(result, Err(BuildError::Compile { code: 101 })));
    assert!(
        heard
            .verbose
            .into_inner()
            .unwrap()
            .iter()
            .any(|line| line.contains("did not compile when replayed"))
    );
}

#[test]
fn new_module_is_compiled_and_watched() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write("deep/src/new.rs", "pub fn new() -> u32 { 3 }\n");
    workspace.write(
        "deep/src/lib.rs",
        "mod new; pub fn deep() -> u32 { new::new() }\n",
    );
    replayed(&workspace.build());
    workspace.write_keeping_mtime("deep/src/new.rs", "pub fn new() -> u32 { 4 }\n");
    assert_eq!(replayed(&workspace.build()), ["deep", "leaf", "app"]);
}

#[test]
fn bin_switches_its_mode_in_a_replay() {
    use cargo_kt::artifacts::CompiledProgram;
    let workspace = Workspace::new();
    workspace.build();
    let plain = "fn main() { println!(\"{}\", leaf::leaf()) }\n";
    for (source, library) in [
        (plain.to_owned(), false),
        (format!("{KT_MAIN}{plain}"), true),
        (plain.to_owned(), false),
    ] {
        workspace.write("app/src/main.rs", &source);
        // Edit the leaf too, so that the program starts before its dependency is done.
        workspace.write(
            "leaf/src/lib.rs",
            &format!(
                "pub fn leaf() -> u32 {{ deep::deep() + {} }}\n",
                source.len()
            ),
        );
        let built = workspace.build();
        assert_eq!(replayed(&built), ["leaf", "app"]);
        assert_eq!(
            matches!(built.compiled.program, CompiledProgram::Library),
            library
        );
    }
}

#[test]
fn warnings_are_shown_once_and_counted() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write(
        "app/src/main.rs",
        "fn unused() {}\nfn main() { println!(\"{}\", leaf::leaf()) }\n",
    );
    let (result, heard) = workspace.try_build();
    assert!(result.is_ok());
    let diagnostics = heard.diagnostics.into_inner().unwrap();
    assert_eq!(
        diagnostics.matches("`unused` is never used").count(),
        1,
        "{diagnostics}"
    );
    assert!(
        !diagnostics.contains("`main` is never used"),
        "{diagnostics}"
    );
    assert!(
        diagnostics.contains("`app` (bin \"app\") generated 1 warning"),
        "{diagnostics}"
    );
    assert_eq!(
        heard.statuses.into_inner().unwrap(),
        [format!("Compiling app v0.1.0 ({})", workspace.path("app"))]
    );
}

#[test]
fn two_programs_share_crates() {
    let mut workspace = Workspace::new();
    workspace.write(
        "app/src/bin/other.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"other {{}}\", leaf::leaf()) }}\n"),
    );
    workspace.options.bin = Some("app".to_owned());
    workspace.build();
    workspace.options.bin = Some("other".to_owned());
    workspace.build();
    // The edit is compiled for one program. The other must detect that its own crate is now stale.
    workspace.write(
        "leaf/src/lib.rs",
        "pub fn leaf() -> u32 { deep::deep() + 2 }\n",
    );
    assert_eq!(replayed(&workspace.build()), ["leaf", "other"]);
    workspace.options.bin = Some("app".to_owned());
    assert_eq!(replayed(&workspace.build()), ["app"]);
}

#[test]
fn features_and_variables_call_cargo() {
    let mut workspace = Workspace::new();
    workspace.write("app/src/main.rs", &format!("{KT_MAIN}fn main() {{ println!(\"{{:?}} {{}}\", option_env!(\"GREETING\"), leaf::leaf()) }}\n"));
    let before = versions(&workspace.build());
    workspace.set("GREETING", "hello");
    let second = workspace.build();
    assert!(why_cargo(&second).contains("GREETING"), "{:?}", second.how);
    assert_eq!(rebuilt(&before, &second), ["app"]);
    workspace.set("RUSTFLAGS", "--cfg something");
    assert!(why_cargo(&workspace.build()).contains("environment"));
    workspace.options.no_default_features = true;
    assert!(why_cargo(&workspace.build()).contains("no earlier build"));
}

#[test]
fn build_script_requires_cargo_only_for_its_inputs() {
    let mut workspace = Workspace::new();
    workspace.write("deep/build.rs", "fn main() { println!(\"cargo:rerun-if-changed=data\"); println!(\"cargo:rerun-if-env-changed=LEVEL\"); let out = std::env::var(\"OUT_DIR\").unwrap(); std::fs::copy(\"data/number\", format!(\"{out}/number\")).unwrap(); }\n");
    workspace.write("deep/data/number", "41");
    workspace.write(
        "deep/src/lib.rs",
        "pub fn deep() -> u32 { include!(concat!(env!(\"OUT_DIR\"), \"/number\")) }\n",
    );
    workspace.build();
    workspace.write(
        "deep/src/lib.rs",
        "pub fn deep() -> u32 { 1 + include!(concat!(env!(\"OUT_DIR\"), \"/number\")) }\n",
    );
    assert_eq!(replayed(&workspace.build()), ["deep", "leaf", "app"]);
    workspace.write("deep/data/number", "42");
    assert!(why_cargo(&workspace.build()).contains("deep/data"));
    workspace.set("LEVEL", "3");
    assert!(why_cargo(&workspace.build()).contains("LEVEL"));
    workspace.write(
        "deep/build.rs",
        &format!(
            "{}\n",
            std::fs::read_to_string(workspace.path("deep/build.rs")).unwrap()
        ),
    );
    assert!(why_cargo(&workspace.build()).contains("build.rs"));
    assert_eq!(workspace.build().how, How::Unchanged);
}

#[test]
fn build_script_without_rules_requires_cargo_for_its_package() {
    let workspace = Workspace::new();
    workspace.write("deep/build.rs", "fn main() {}\n");
    workspace.build();
    workspace.write(
        "leaf/src/lib.rs",
        "pub fn leaf() -> u32 { deep::deep() + 2 }\n",
    );
    assert_eq!(replayed(&workspace.build()), ["leaf", "app"]);
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 3 }\n");
    assert!(why_cargo(&workspace.build()).contains("/deep"));
}

#[test]
fn new_target_calls_cargo() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write("app/src/lib.rs", "pub fn of_lib() {}\n");
    assert!(why_cargo(&workspace.build()).contains("targets"));
}

#[test]
fn changed_workspace_proc_macro_calls_cargo() {
    let workspace = Workspace::new();
    workspace.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"leaf\", \"deep\", \"mac\"]\n",
    );
    workspace.write("mac/Cargo.toml", "[package]\nname = \"mac\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n");
    let source = |number: u32| {
        format!(
            "#[proc_macro] pub fn number(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{ \"{number}\".parse().unwrap() }}\n"
        )
    };
    workspace.write("mac/src/lib.rs", &source(1));
    workspace.package("deep", "mac = { path = \"../mac\" }\n");
    workspace.write(
        "deep/src/lib.rs",
        "pub fn deep() -> u32 { mac::number!() }\n",
    );
    let before = versions(&workspace.build());
    workspace.write_keeping_mtime("mac/src/lib.rs", &source(2));
    let after = workspace.build();
    assert!(why_cargo(&after).contains("mac/src/lib.rs"));
    assert_eq!(rebuilt(&before, &after), ["deep", "leaf", "app"]);
}
