//! cargo's rules for running build scripts again, one by one: what kt compiles is what plain cargo compiles.
//!
//! Each script hands on the content of `revision`, which no rule names: the answer tells whether the script has run.

use std::os::unix::fs::symlink;

use crate::fixture::Workspace;

/// `app` prints `STAMP`, which its build script sets to the content of `revision` after printing `lines`.
fn stamped(lines: &str) -> Workspace {
    let workspace = Workspace::app("env!(\"STAMP\")");
    script(&workspace, lines);
    workspace.write("revision", "1");
    workspace
}

fn script(workspace: &Workspace, lines: &str) {
    let source = format!(
        "fn main() {{ print!(\"{{}}\", {lines:?}); println!(\"cargo:rustc-env=STAMP={{}}\", std::fs::read_to_string(\"../revision\").unwrap()); }}\n"
    );
    workspace.write("app/build.rs", &source);
}

/// Another revision; kt and plain cargo agree on whether the script ran for it.
#[track_caller]
fn runs(workspace: &Workspace, revision: &str) {
    assert_eq!(workspace.same(), revision, "the script has to run");
}

/// Both agree that the script did not run for the newest revision.
#[track_caller]
fn rests(workspace: &Workspace, revision: &str) {
    assert_eq!(
        workspace.same(),
        revision,
        "the script has no reason to run"
    );
}

/// A new revision, and then a change that the script may or may not be run for.
fn after(workspace: &Workspace, revision: &str, change: impl FnOnce()) {
    workspace.write("revision", revision);
    change();
}

#[test]
fn a_path_that_does_not_exist_runs_it_each_time() {
    let workspace = stamped("cargo:rerun-if-changed=never-there\n");
    runs(&workspace, "1");
    after(&workspace, "2", || {});
    runs(&workspace, "2");
    after(&workspace, "3", || {});
    runs(&workspace, "3");
    // It is an ordinary path once it is there, and never again afterwards.
    after(&workspace, "4", || workspace.write("app/never-there", ""));
    runs(&workspace, "4");
    after(&workspace, "5", || {});
    rests(&workspace, "4");
    std::fs::remove_file(workspace.path("app/never-there")).unwrap();
    runs(&workspace, "5");
    after(&workspace, "6", || {});
    runs(&workspace, "6");
}

#[test]
fn a_link_that_leads_nowhere_runs_it_each_time() {
    let workspace = stamped("cargo:rerun-if-changed=link\n");
    symlink("nowhere", workspace.path("app/link")).unwrap();
    runs(&workspace, "1");
    after(&workspace, "2", || {});
    runs(&workspace, "2");
}

#[test]
fn a_directory_counts_with_everything_below_it() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    for file in [
        "plain",
        ".hidden",
        ".git/HEAD",
        "target/made",
        "package/Cargo.toml",
        "package/src/lib.rs",
        ".dir/deep/er",
    ] {
        workspace.write(&format!("app/data/{file}"), "");
    }
    runs(&workspace, "1");
    for (revision, file) in [
        ("2", "plain"),
        ("3", ".hidden"),
        ("4", ".git/HEAD"),
        ("5", "target/made"),
        ("6", "package/src/lib.rs"),
        ("7", ".dir/deep/er"),
    ] {
        after(&workspace, revision, || {
            workspace.write(&format!("app/data/{file}"), revision);
        });
        runs(&workspace, revision);
    }
    after(&workspace, "8", || workspace.write("app/other", ""));
    rests(&workspace, "7");
}

#[test]
fn a_file_that_appears_or_goes_changes_its_directory() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    workspace.write("app/data/sub/one", "");
    runs(&workspace, "1");
    after(&workspace, "2", || workspace.write("app/data/sub/two", ""));
    runs(&workspace, "2");
    after(&workspace, "3", || {
        std::fs::remove_file(workspace.path("app/data/sub/one")).unwrap();
    });
    runs(&workspace, "3");
}

#[test]
fn links_in_a_directory_are_followed() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    workspace.write("app/data/plain", "");
    workspace.write("elsewhere/one", "");
    workspace.write("elsewhere/target/two", "");
    workspace.write("single", "");
    symlink(workspace.path("elsewhere"), workspace.path("app/data/dir")).unwrap();
    symlink(workspace.path("single"), workspace.path("app/data/file")).unwrap();
    // A loop ends the walk there.
    symlink(workspace.path("app/data"), workspace.path("app/data/loop")).unwrap();
    runs(&workspace, "1");
    for (revision, file) in [
        ("2", "elsewhere/one"),
        ("3", "elsewhere/target/two"),
        ("4", "single"),
    ] {
        after(&workspace, revision, || workspace.write(file, revision));
        runs(&workspace, revision);
    }
    after(&workspace, "5", || {
        std::fs::remove_file(workspace.path("app/data/file")).unwrap();
        symlink(workspace.path("revision"), workspace.path("app/data/file")).unwrap();
    });
    runs(&workspace, "5");
}

#[test]
fn a_link_as_the_path_itself_is_followed() {
    let workspace = stamped("cargo:rerun-if-changed=link\n");
    workspace.write("elsewhere/.one", "");
    symlink(workspace.path("elsewhere"), workspace.path("app/link")).unwrap();
    runs(&workspace, "1");
    after(&workspace, "2", || workspace.write("elsewhere/.one", "2"));
    runs(&workspace, "2");
}

#[test]
fn a_new_mtime_alone_runs_it() {
    let workspace = stamped("cargo:rerun-if-changed=input\n");
    workspace.write("app/input", "");
    runs(&workspace, "1");
    after(&workspace, "2", || workspace.date("app/input", 0));
    runs(&workspace, "2");
    after(&workspace, "3", || {});
    rests(&workspace, "2");
}

#[test]
fn an_mtime_in_the_future_runs_it_each_time() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    workspace.write("app/data/input", "");
    workspace.date("app/data/input", 100_000);
    runs(&workspace, "1");
    after(&workspace, "2", || {});
    runs(&workspace, "2");
    after(&workspace, "3", || {});
    runs(&workspace, "3");
}

#[test]
fn a_variable_counts_as_unset_as_empty_and_by_its_value() {
    let mut workspace = stamped("cargo:rerun-if-env-changed=LEVEL\n");
    runs(&workspace, "1");
    for (revision, value) in [
        ("2", Some("")),
        ("3", Some("high")),
        ("4", Some("")),
        ("5", None),
    ] {
        workspace.write("revision", revision);
        match value {
            Some(value) => workspace.set("LEVEL", value),
            None => workspace.unset("LEVEL"),
        }
        runs(&workspace, revision);
    }
    // A script that names a variable has no other reason to run.
    after(&workspace, "6", || workspace.write("app/notes", ""));
    rests(&workspace, "5");
}

#[test]
fn a_variable_may_come_from_the_configuration() {
    let mut workspace = stamped("cargo:rerun-if-env-changed=LEVEL\n");
    workspace.write(".cargo/config.toml", "[env]\nLEVEL = \"low\"\n");
    runs(&workspace, "1");
    after(&workspace, "2", || {
        workspace.write(".cargo/config.toml", "[env]\nLEVEL = \"high\"\n");
    });
    runs(&workspace, "2");
    workspace.write("revision", "3");
    workspace.set("LEVEL", "shell");
    runs(&workspace, "3");
}

#[test]
fn all_forms_of_a_line_count() {
    for line in [
        "cargo:rerun-if-changed=input\n",
        "cargo::rerun-if-changed=input\n",
        "  cargo:rerun-if-changed=input  \n",
        "\tcargo::rerun-if-changed=input\r\n",
    ] {
        let workspace = stamped(line);
        workspace.write("app/input", "");
        workspace.write("app/other", "");
        runs(&workspace, "1");
        after(&workspace, "2", || workspace.write("app/input", "2"));
        runs(&workspace, "2");
        after(&workspace, "3", || workspace.write("app/other", "3"));
        rests(&workspace, "2");
    }
}

#[test]
fn paths_are_relative_to_the_package() {
    let workspace = stamped("cargo:rerun-if-changed=../shared/./input\n");
    workspace.write("shared/input", "");
    runs(&workspace, "1");
    after(&workspace, "2", || workspace.write("shared/input", "2"));
    runs(&workspace, "2");
    let absolute = workspace.path("absolute");
    script(&workspace, &format!("cargo::rerun-if-changed={absolute}\n"));
    workspace.write("absolute", "");
    after(&workspace, "3", || {});
    runs(&workspace, "3");
    after(&workspace, "4", || workspace.write("absolute", "4"));
    runs(&workspace, "4");
}

#[test]
fn what_lies_in_cargos_home_never_changes() {
    let mut workspace = Workspace::app("env!(\"STAMP\")");
    workspace.write("revision", "1");
    let home = workspace.root.parent().unwrap().join("home");
    let missing = home.join("registry/missing");
    workspace.set("CARGO_HOME", home.as_str());
    script(&workspace, &format!("cargo:rerun-if-changed={missing}\n"));
    runs(&workspace, "1");
    after(&workspace, "2", || {});
    rests(&workspace, "1");
}

#[test]
fn without_a_rule_every_file_of_the_package_counts() {
    let workspace = stamped("");
    workspace.write("app/notes.txt", "");
    workspace.write("app/src/target/deep", "");
    workspace.write(
        "app/inner/Cargo.toml",
        "[package]\nname = \"inner\"\n[workspace]\n",
    );
    workspace.write("app/inner/src/lib.rs", "");
    workspace.write("elsewhere/file", "");
    symlink(workspace.path("elsewhere"), workspace.path("app/dir")).unwrap();
    runs(&workspace, "1");
    for (revision, file) in [
        ("2", "app/notes.txt"),
        ("3", "app/src/target/deep"),
        ("4", "elsewhere/file"),
        ("5", "app/new/file"),
    ] {
        after(&workspace, revision, || workspace.write(file, revision));
        runs(&workspace, revision);
    }
    // A package within is none of its files.
    after(&workspace, "6", || {
        workspace.write("app/inner/src/lib.rs", "\n")
    });
    rests(&workspace, "5");
    // Lines that are no rule change nothing of that.
    script(
        &workspace,
        "cargo:rustc-cfg=x\ncargo:rerun=y\nrerun-if-changed=z\n",
    );
    runs(&workspace, "6");
    after(&workspace, "7", || workspace.write("app/notes.txt", "7"));
    runs(&workspace, "7");
}

#[test]
fn without_a_rule_in_a_git_repository_hidden_files_count_too() {
    let workspace = stamped("");
    workspace.write("app/.hidden", "");
    workspace.write(".gitignore", "target\n");
    // cargo asks git once the manifest is known to it.
    for arguments in [["init", "--quiet"], ["add", "."]] {
        let git = std::process::Command::new("git")
            .args(arguments)
            .current_dir(&workspace.root)
            .status();
        assert!(git.unwrap().success());
    }
    runs(&workspace, "1");
    after(&workspace, "2", || workspace.write("app/.hidden", "2"));
    runs(&workspace, "2");
}

#[test]
fn a_script_that_prints_nothing_has_no_rule() {
    let workspace = Workspace::app("include_str!(concat!(env!(\"OUT_DIR\"), \"/copy\"))");
    workspace.write("app/build.rs", "fn main() { std::fs::copy(\"../revision\", std::env::var(\"OUT_DIR\").unwrap() + \"/copy\").unwrap(); }\n");
    workspace.write("revision", "1");
    runs(&workspace, "1");
    after(&workspace, "2", || workspace.write("app/notes", ""));
    runs(&workspace, "2");
    after(&workspace, "3", || {});
    rests(&workspace, "2");
}

#[test]
fn metadata_of_a_links_package_runs_what_depends_on_it() {
    let workspace = Workspace::app("env!(\"STAMP\")");
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\nnative-sys = { path = \"../native-sys\" }\n",
    );
    workspace.write("app/build.rs", "fn main() { println!(\"cargo:rerun-if-env-changed=NONE\"); println!(\"cargo:rustc-env=STAMP={}\", std::env::var(\"DEP_NATIVE_LEVEL\").unwrap()); }\n");
    workspace.write("native-sys/Cargo.toml", "[package]\nname = \"native-sys\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlinks = \"native\"\n");
    workspace.write("native-sys/src/lib.rs", "");
    workspace.write("native-sys/build.rs", "fn main() { println!(\"cargo::rerun-if-changed=.level\"); println!(\"cargo::metadata=LEVEL={}\", std::fs::read_to_string(\".level\").unwrap()); }\n");
    workspace.write("native-sys/.level", "1");
    assert_eq!(workspace.same(), "1");
    workspace.write("native-sys/.level", "2");
    assert_eq!(workspace.same(), "2");
    workspace.restore("native-sys/.level", "3");
    assert_eq!(workspace.kt(), "3", "cargo itself goes by dates here");
}

#[test]
fn without_links_a_script_does_not_run_for_that_of_a_dependency() {
    let workspace = stamped("cargo:rerun-if-env-changed=NONE\n");
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\nleaf = { path = \"../leaf\" }\n",
    );
    workspace.package("leaf", "");
    workspace.write(
        "leaf/src/lib.rs",
        "pub const LEVEL: &str = env!(\"LEVEL\");\n",
    );
    workspace.write("leaf/build.rs", "fn main() { println!(\"cargo:rerun-if-changed=level\\ncargo:rustc-env=LEVEL={}\", std::fs::read_to_string(\"level\").unwrap()); }\n");
    workspace.write("leaf/level", "a");
    workspace.program("format!(\"{} {}\", env!(\"STAMP\"), leaf::LEVEL)");
    assert_eq!(workspace.same(), "1 a");
    after(&workspace, "2", || workspace.write("leaf/level", "b"));
    assert_eq!(workspace.same(), "1 b");
}

#[test]
fn a_dependency_of_a_script_is_part_of_it() {
    let workspace = Workspace::app("env!(\"STAMP\")");
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write(
        "app/Cargo.toml",
        &format!("{manifest}[build-dependencies]\nhelper = {{ path = \"../../helper\" }}\n"),
    );
    workspace.package("../helper", "");
    workspace.write(
        "../helper/src/lib.rs",
        "pub const LEVEL: &str = include_str!(\"level\");\n",
    );
    workspace.write("../helper/src/level", "1");
    workspace.write("app/build.rs", "fn main() { println!(\"cargo:rerun-if-env-changed=NONE\"); println!(\"cargo:rustc-env=STAMP={}\", helper::LEVEL); }\n");
    assert_eq!(workspace.same(), "1");
    workspace.write("../helper/src/level", "2");
    assert_eq!(workspace.same(), "2");
}

#[test]
fn a_rule_that_goes_with_an_edit_of_the_script_goes() {
    let workspace = stamped("cargo:rerun-if-changed=one\n");
    workspace.write("app/one", "");
    workspace.write("app/two", "");
    runs(&workspace, "1");
    script(&workspace, "cargo:rerun-if-changed=two\n");
    after(&workspace, "2", || {});
    runs(&workspace, "2");
    after(&workspace, "3", || workspace.write("app/one", "3"));
    rests(&workspace, "2");
    after(&workspace, "4", || workspace.write("app/two", "4"));
    runs(&workspace, "4");
}

#[test]
fn a_script_outside_the_workspace_may_write_code_each_time_it_runs() {
    let workspace = Workspace::app("outside::STAMP");
    workspace.package("../outside", "");
    workspace.write(
        "../outside/build.rs",
        "fn main() {
            println!(\"cargo:rerun-if-changed=never-there\");
            let stamp = std::fs::read_to_string(\"../ws/revision\").unwrap();
            let out = std::env::var(\"OUT_DIR\").unwrap();
            std::fs::write(out + \"/stamp.rs\", format!(\"pub const STAMP: u32 = {stamp};\")).unwrap();
        }\n",
    );
    workspace.write(
        "../outside/src/lib.rs",
        "include!(concat!(env!(\"OUT_DIR\"), \"/stamp.rs\"));\n",
    );
    workspace.write("revision", "1");
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\noutside = { path = \"../../outside\" }\n",
    );
    runs(&workspace, "1");
    for revision in ["2", "2", "3"] {
        after(&workspace, revision, || {});
        runs(&workspace, revision);
    }
}
