//! Files that are restored with their old mtime (`cp -p`, `rsync -t`). Content decides, both before
//! and after cargo runs. cargo itself compares mtimes, so the expected output is that of plain
//! cargo with the same files and an empty target directory.

use crate::fixture::{KT_MAIN, Workspace};

/// Makes kt call cargo in the next build, as a restored tree usually does.
fn touch_manifest(workspace: &Workspace) {
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write("app/Cargo.toml", &format!("{manifest}\n"));
}

/// The output of kt and of plain cargo, which starts with an empty target directory.
#[track_caller]
fn answer(workspace: &Workspace) -> String {
    let _ = std::fs::remove_dir_all(workspace.path("../plain"));
    workspace.same()
}

/// Restores an earlier version of `file`, which determines the program's output.
#[track_caller]
fn assert_restored(workspace: &Workspace, file: &str, content: impl Fn(u32) -> String) {
    workspace.write(file, &content(1));
    assert_eq!(answer(workspace), "1");
    workspace.write(file, &content(2));
    assert_eq!(answer(workspace), "2");
    workspace.restore(file, &content(1));
    touch_manifest(workspace);
    assert_eq!(answer(workspace), "1");
    workspace.write(file, &content(3));
    workspace.date(file, 100_000);
    touch_manifest(workspace);
    assert_eq!(answer(workspace), "3");
    workspace.restore(file, &content(2));
    assert_eq!(answer(workspace), "2");
}

/// `app` prints `level::level()`, of the package in `directory`.
fn with_level(directory: &str) -> Workspace {
    let workspace = Workspace::app("level::level()");
    workspace.package(
        "app",
        &format!("kt-runtime = {{ path = \"../../kt-runtime\" }}\nlevel = {{ path = \"../{directory}\" }}\n"),
    );
    workspace.package(directory, "");
    if !directory.starts_with("..") {
        workspace.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"level\"]\n",
        );
    }
    workspace
}

fn level(number: u32) -> String {
    format!("pub fn level() -> u32 {{ {number} }}\n")
}

#[test]
fn restored_source_of_a_member() {
    assert_restored(&with_level("level"), "level/src/lib.rs", level);
}

#[test]
fn restored_source_outside_the_workspace() {
    assert_restored(&with_level("../level"), "../level/src/lib.rs", level);
}

#[test]
fn restored_included_file() {
    let workspace = with_level("../level");
    workspace.write(
        "../level/src/lib.rs",
        "pub fn level() -> &'static str { include_str!(\"../text\") }\n",
    );
    assert_restored(&workspace, "../level/text", |number| number.to_string());
}

/// The restored library has other items than the one that cargo takes for fresh.
#[track_caller]
fn restore_items(workspace: &Workspace, file: &str) {
    let source = |item: &str, answer: u32| format!("pub fn {item}() -> u32 {{ {answer} }}\n");
    let program =
        |item: &str| format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", level::{item}()) }}\n");
    workspace.write(file, &source("old", 1));
    workspace.write("app/src/main.rs", &program("old"));
    assert_eq!(answer(workspace), "1");
    workspace.write(file, &source("new", 2));
    workspace.write("app/src/main.rs", &program("new"));
    assert_eq!(answer(workspace), "2");
    workspace.restore(file, &source("old", 1));
    // The recompiled crate uses the library.
    workspace.write("app/src/main.rs", &program("old"));
    touch_manifest(workspace);
    assert_eq!(answer(workspace), "1");
}

#[test]
fn restored_member_with_dependents() {
    restore_items(&with_level("level"), "level/src/lib.rs");
}

#[test]
fn restored_outside_crate_with_dependents() {
    restore_items(&with_level("../level"), "../level/src/lib.rs");
}

#[test]
fn restored_outside_crate_after_a_failure() {
    let workspace = with_level("../level");
    workspace.write("../level/src/lib.rs", "pub fn old() -> u32 { 1 }\n");
    workspace.program("level::old()");
    assert_eq!(answer(&workspace), "1");
    // The crate compiles, but its dependent does not.
    workspace.write("../level/src/lib.rs", "pub fn new() -> u32 { 2 }\n");
    workspace.fail();
    workspace.restore("../level/src/lib.rs", "pub fn old() -> u32 { 1 }\n");
    assert_eq!(answer(&workspace), "1");
}

fn as_macro(workspace: &Workspace, directory: &str) {
    workspace.write(&format!("{directory}/Cargo.toml"), "[package]\nname = \"level\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n");
    workspace.program("level::level!()");
}

fn level_macro(number: u32) -> String {
    format!(
        "#[proc_macro] pub fn level(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{ \"{number}\".parse().unwrap() }}\n"
    )
}

#[test]
fn restored_macro() {
    let workspace = with_level("level");
    as_macro(&workspace, "level");
    assert_restored(&workspace, "level/src/lib.rs", level_macro);
}

#[test]
fn restored_macro_outside_the_workspace() {
    let workspace = with_level("../level");
    as_macro(&workspace, "../level");
    assert_restored(&workspace, "../level/src/lib.rs", level_macro);
}

#[test]
fn restored_build_script_and_its_dependency() {
    let workspace = Workspace::app("env!(\"LEVEL\")");
    assert_restored(&workspace, "app/build.rs", |number| {
        format!(
            "fn main() {{ println!(\"cargo:rerun-if-env-changed=NONE\\ncargo:rustc-env=LEVEL={number}\") }}\n"
        )
    });
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write(
        "app/Cargo.toml",
        &format!("{manifest}[build-dependencies]\nlevel = {{ path = \"../../level\" }}\n"),
    );
    workspace.package("../level", "");
    workspace.write("app/build.rs", "fn main() { println!(\"cargo:rerun-if-env-changed=NONE\\ncargo:rustc-env=LEVEL={}\", level::level()) }\n");
    assert_restored(&workspace, "../level/src/lib.rs", level);
}

#[test]
fn restored_file_that_a_build_script_names() {
    let workspace = Workspace::app("env!(\"LEVEL\")");
    workspace.write("app/build.rs", "fn main() { println!(\"cargo:rerun-if-changed=data\\ncargo:rustc-env=LEVEL={}\", std::fs::read_to_string(\"data/level\").unwrap()) }\n");
    assert_restored(&workspace, "app/data/level", |number| number.to_string());
}

#[test]
fn restored_file_of_a_build_script_without_rules() {
    let workspace = Workspace::app("env!(\"LEVEL\")");
    workspace.write("app/build.rs", "fn main() { println!(\"cargo:rustc-env=LEVEL={}\", std::fs::read_to_string(\"level\").unwrap()) }\n");
    workspace.write("app/level", "1");
    assert_eq!(answer(&workspace), "1");
    workspace.write("app/level", "2");
    assert_eq!(answer(&workspace), "2");
    workspace.restore("app/level", "1");
    assert_eq!(answer(&workspace), "1");
}

#[test]
fn restored_tree() {
    let workspace = with_level("level");
    workspace.write("level/src/lib.rs", &level(1));
    assert_eq!(answer(&workspace), "1");
    let copy = |from: &str, to: &str| {
        let copied = std::process::Command::new("cp")
            .args(["--archive", "--no-target-directory"])
            .args([workspace.path(from), workspace.path(to)])
            .status();
        assert!(copied.unwrap().success());
    };
    copy("level", "../backup");
    workspace.write("level/src/lib.rs", &level(2));
    workspace.write("level/src/more.rs", "");
    assert_eq!(answer(&workspace), "2");
    copy("../backup", "level");
    assert_eq!(answer(&workspace), "1");
}
