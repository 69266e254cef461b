//! cargo's rules for rerunning build scripts, one by one: kt compiles the same as plain cargo.
//!
//! Each script passes the content of `revision`, which no rule names, to the program. The output
//! shows whether the script ran.

use std::os::unix::fs::symlink;

use crate::fixture::Workspace;

/// `app` prints `STAMP`, which its build script sets to the content of `revision` after printing
/// `lines`.
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

/// Asserts that the script ran for this revision, under kt and under plain cargo.
#[track_caller]
fn assert_ran(workspace: &Workspace, revision: &str) {
    assert_eq!(workspace.same(), revision, "the script must run");
}

/// Asserts that the script did not run for the newest revision, under kt and under plain cargo.
#[track_caller]
fn assert_did_not_run(workspace: &Workspace, revision: &str) {
    assert_eq!(workspace.same(), revision, "the script must not run");
}

/// Writes a new revision, then makes a change for which the script may rerun.
fn after(workspace: &Workspace, revision: &str, change: impl FnOnce()) {
    workspace.write("revision", revision);
    change();
}

#[test]
fn missing_path_reruns_the_script_each_time() {
    let workspace = stamped("cargo:rerun-if-changed=never-there\n");
    assert_ran(&workspace, "1");
    after(&workspace, "2", || {});
    assert_ran(&workspace, "2");
    after(&workspace, "3", || {});
    assert_ran(&workspace, "3");
    // Once the path exists, it counts as any other.
    after(&workspace, "4", || workspace.write("app/never-there", ""));
    assert_ran(&workspace, "4");
    after(&workspace, "5", || {});
    assert_did_not_run(&workspace, "4");
    std::fs::remove_file(workspace.path("app/never-there")).unwrap();
    assert_ran(&workspace, "5");
    after(&workspace, "6", || {});
    assert_ran(&workspace, "6");
}

#[test]
fn build_after_an_interrupted_one_reruns_the_script() {
    let workspace = stamped("cargo:rerun-if-changed=../revision\n");
    assert_ran(&workspace, "1");
    // The build was killed after cargo had run the script, and before kt recorded that.
    let warm = workspace.path("target/kt/warm");
    std::fs::remove_dir_all(warm.join("programs")).unwrap();
    for records in warm.join("records").read_dir_utf8().unwrap() {
        std::fs::remove_dir_all(records.unwrap().path().join("runs")).unwrap();
    }
    assert_ran(&workspace, "1");
}

#[test]
fn dangling_link_reruns_the_script_each_time() {
    let workspace = stamped("cargo:rerun-if-changed=link\n");
    symlink("nowhere", workspace.path("app/link")).unwrap();
    assert_ran(&workspace, "1");
    after(&workspace, "2", || {});
    assert_ran(&workspace, "2");
}

#[test]
fn directory_includes_everything_below_it() {
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
    assert_ran(&workspace, "1");
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
        assert_ran(&workspace, revision);
    }
    after(&workspace, "8", || workspace.write("app/other", ""));
    assert_did_not_run(&workspace, "7");
}

#[test]
fn added_or_removed_file_changes_its_directory() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    workspace.write("app/data/sub/one", "");
    assert_ran(&workspace, "1");
    after(&workspace, "2", || workspace.write("app/data/sub/two", ""));
    assert_ran(&workspace, "2");
    after(&workspace, "3", || {
        std::fs::remove_file(workspace.path("app/data/sub/one")).unwrap();
    });
    assert_ran(&workspace, "3");
}

#[test]
fn links_in_a_directory_are_followed() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    workspace.write("app/data/plain", "");
    workspace.write("linked/one", "");
    workspace.write("linked/target/two", "");
    workspace.write("single", "");
    symlink(workspace.path("linked"), workspace.path("app/data/dir")).unwrap();
    symlink(workspace.path("single"), workspace.path("app/data/file")).unwrap();
    // A loop stops the walk.
    symlink(workspace.path("app/data"), workspace.path("app/data/loop")).unwrap();
    assert_ran(&workspace, "1");
    for (revision, file) in [
        ("2", "linked/one"),
        ("3", "linked/target/two"),
        ("4", "single"),
    ] {
        after(&workspace, revision, || workspace.write(file, revision));
        assert_ran(&workspace, revision);
    }
    after(&workspace, "5", || {
        std::fs::remove_file(workspace.path("app/data/file")).unwrap();
        symlink(workspace.path("revision"), workspace.path("app/data/file")).unwrap();
    });
    assert_ran(&workspace, "5");
}

#[test]
fn path_that_is_a_link_is_followed() {
    let workspace = stamped("cargo:rerun-if-changed=link\n");
    workspace.write("linked/.one", "");
    symlink(workspace.path("linked"), workspace.path("app/link")).unwrap();
    assert_ran(&workspace, "1");
    after(&workspace, "2", || workspace.write("linked/.one", "2"));
    assert_ran(&workspace, "2");
}

#[test]
fn new_mtime_alone_reruns_the_script() {
    let workspace = stamped("cargo:rerun-if-changed=input\n");
    workspace.write("app/input", "");
    assert_ran(&workspace, "1");
    after(&workspace, "2", || workspace.date("app/input", 0));
    assert_ran(&workspace, "2");
    after(&workspace, "3", || {});
    assert_did_not_run(&workspace, "2");
}

#[test]
fn future_mtime_reruns_the_script_each_time() {
    let workspace = stamped("cargo:rerun-if-changed=data\n");
    workspace.write("app/data/input", "");
    workspace.date("app/data/input", 100_000);
    assert_ran(&workspace, "1");
    after(&workspace, "2", || {});
    assert_ran(&workspace, "2");
    after(&workspace, "3", || {});
    assert_ran(&workspace, "3");
}

#[test]
fn variable_is_compared_as_unset_empty_or_by_value() {
    let mut workspace = stamped("cargo:rerun-if-env-changed=LEVEL\n");
    assert_ran(&workspace, "1");
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
        assert_ran(&workspace, revision);
    }
    // A script that names only a variable reruns for nothing else.
    after(&workspace, "6", || workspace.write("app/notes", ""));
    assert_did_not_run(&workspace, "5");
}

#[test]
fn variable_may_come_from_the_configuration() {
    let mut workspace = stamped("cargo:rerun-if-env-changed=LEVEL\n");
    workspace.write(".cargo/config.toml", "[env]\nLEVEL = \"low\"\n");
    assert_ran(&workspace, "1");
    after(&workspace, "2", || {
        workspace.write(".cargo/config.toml", "[env]\nLEVEL = \"high\"\n");
    });
    assert_ran(&workspace, "2");
    workspace.write("revision", "3");
    workspace.set("LEVEL", "shell");
    assert_ran(&workspace, "3");
}

#[test]
fn all_forms_of_a_line_are_parsed() {
    for line in [
        "cargo:rerun-if-changed=input\n",
        "cargo::rerun-if-changed=input\n",
        "  cargo:rerun-if-changed=input  \n",
        "\tcargo::rerun-if-changed=input\r\n",
    ] {
        let workspace = stamped(line);
        workspace.write("app/input", "");
        workspace.write("app/other", "");
        assert_ran(&workspace, "1");
        after(&workspace, "2", || workspace.write("app/input", "2"));
        assert_ran(&workspace, "2");
        after(&workspace, "3", || workspace.write("app/other", "3"));
        assert_did_not_run(&workspace, "2");
    }
}

#[test]
fn paths_are_relative_to_the_package() {
    let workspace = stamped("cargo:rerun-if-changed=../shared/./input\n");
    workspace.write("shared/input", "");
    assert_ran(&workspace, "1");
    after(&workspace, "2", || workspace.write("shared/input", "2"));
    assert_ran(&workspace, "2");
    let absolute = workspace.path("absolute");
    script(&workspace, &format!("cargo::rerun-if-changed={absolute}\n"));
    workspace.write("absolute", "");
    after(&workspace, "3", || {});
    assert_ran(&workspace, "3");
    after(&workspace, "4", || workspace.write("absolute", "4"));
    assert_ran(&workspace, "4");
}

#[test]
fn files_in_cargo_home_never_change() {
    let mut workspace = Workspace::app("env!(\"STAMP\")");
    workspace.write("revision", "1");
    let home = workspace.root.parent().unwrap().join("home");
    let missing = home.join("registry/missing");
    workspace.set("CARGO_HOME", home.as_str());
    script(&workspace, &format!("cargo:rerun-if-changed={missing}\n"));
    assert_ran(&workspace, "1");
    after(&workspace, "2", || {});
    assert_did_not_run(&workspace, "1");
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
    workspace.write("linked/file", "");
    symlink(workspace.path("linked"), workspace.path("app/dir")).unwrap();
    assert_ran(&workspace, "1");
    for (revision, file) in [
        ("2", "app/notes.txt"),
        ("3", "app/src/target/deep"),
        ("4", "linked/file"),
        ("5", "app/new/file"),
    ] {
        after(&workspace, revision, || workspace.write(file, revision));
        assert_ran(&workspace, revision);
    }
    // Files of a nested package do not count.
    after(&workspace, "6", || {
        workspace.write("app/inner/src/lib.rs", "\n")
    });
    assert_did_not_run(&workspace, "5");
    // Other lines are not rules.
    script(
        &workspace,
        "cargo:rustc-cfg=x\ncargo:rerun=y\nrerun-if-changed=z\n",
    );
    assert_ran(&workspace, "6");
    after(&workspace, "7", || workspace.write("app/notes.txt", "7"));
    assert_ran(&workspace, "7");
}

#[test]
fn without_a_rule_in_a_git_repository_hidden_files_count_too() {
    let workspace = stamped("");
    workspace.write("app/.hidden", "");
    workspace.write(".gitignore", "target\n");
    // cargo uses git once git tracks the manifest.
    for arguments in [["init", "--quiet"], ["add", "."]] {
        let git = std::process::Command::new("git")
            .args(arguments)
            .current_dir(&workspace.root)
            .status();
        assert!(git.unwrap().success());
    }
    assert_ran(&workspace, "1");
    after(&workspace, "2", || workspace.write("app/.hidden", "2"));
    assert_ran(&workspace, "2");
}

#[test]
fn script_without_output_has_no_rule() {
    let workspace = Workspace::app("include_str!(concat!(env!(\"OUT_DIR\"), \"/copy\"))");
    workspace.write("app/build.rs", "fn main() { std::fs::copy(\"../revision\", std::env::var(\"OUT_DIR\").unwrap() + \"/copy\").unwrap(); }\n");
    workspace.write("revision", "1");
    assert_ran(&workspace, "1");
    after(&workspace, "2", || workspace.write("app/notes", ""));
    assert_ran(&workspace, "2");
    after(&workspace, "3", || {});
    assert_did_not_run(&workspace, "2");
}

#[test]
fn metadata_of_a_links_package_reruns_dependent_scripts() {
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
    assert_eq!(
        workspace.kt(),
        "3",
        "cargo itself compares mtimes in this case"
    );
}

#[test]
fn without_links_the_script_of_a_dependency_reruns_no_other() {
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
fn dependency_of_a_script_is_an_input() {
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
fn removed_rule_no_longer_applies() {
    let workspace = stamped("cargo:rerun-if-changed=one\n");
    workspace.write("app/one", "");
    workspace.write("app/two", "");
    assert_ran(&workspace, "1");
    script(&workspace, "cargo:rerun-if-changed=two\n");
    after(&workspace, "2", || {});
    assert_ran(&workspace, "2");
    after(&workspace, "3", || workspace.write("app/one", "3"));
    assert_did_not_run(&workspace, "2");
    after(&workspace, "4", || workspace.write("app/two", "4"));
    assert_ran(&workspace, "4");
}

#[test]
fn outside_script_may_generate_new_code_each_time() {
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
    assert_ran(&workspace, "1");
    for revision in ["2", "2", "3"] {
        after(&workspace, revision, || {});
        assert_ran(&workspace, revision);
    }
}
