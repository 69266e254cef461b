//! Settings of cargo that reach code at its compilation, with plain cargo as the judge.
//! docs/cargo-settings.md lists them all.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use cargo_kt::compile::How;
use cargo_kt::plan::{Notice, plan};

use crate::fixture::Workspace;

impl Workspace {
    /// Builds with kt, with plain cargo, and with kt after an edit: all give the same output.
    #[track_caller]
    fn same_at_edits(&self) -> String {
        let first = self.same();
        let source = std::fs::read_to_string(self.path("app/src/main.rs")).unwrap();
        self.write("app/src/main.rs", &format!("{source}// edited\n"));
        assert_eq!(self.kt(), first, "left: after an edit");
        first
    }

    /// A wrapper of rustc that prints its name to a file at each call.
    fn wrapper(&self, name: &str) -> Utf8PathBuf {
        let path = self.path(&format!("../{name}"));
        let log = self.path("../log");
        let script = format!("#!/bin/sh\necho \"{name} $*\" >>{log}\nexec \"$@\"\n");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// What the wrappers printed since the last call.
    fn logged(&self) -> String {
        let log = self.path("../log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(log);
        text
    }
}

#[test]
fn tables_of_one_variable_are_merged_over_files() {
    let mut workspace = Workspace::app(
        "[option_env!(\"A\"), option_env!(\"B\"), option_env!(\"C\"), option_env!(\"D\")].map(|it| it.unwrap_or(\"none\")).join(\" \")",
    );
    workspace.write(
        ".cargo/config.toml",
        "[env]
A = { value = \"a\", relative = true }
B = { value = \"far\", force = true }
C = { value = \"c\", relative = true, force = true }
LD_LIBRARY_PATH = { value = \"/nowhere\", force = true }
CARGO = { value = \"/nowhere\", force = true }
",
    );
    workspace.write(
        "sub/.cargo/config.toml",
        "[env]
A = { force = true }
B = { value = \"near\" }
C = { relative = false }
",
    );
    let root = workspace.root.clone();
    workspace.context.directory = root.join("sub");
    workspace.options.manifest_path = Some(root.join("Cargo.toml"));
    for name in ["A", "B", "C"] {
        workspace.set(name, "shell");
    }
    assert_eq!(
        workspace.same_at_edits(),
        format!("{root}/sub/a near c none")
    );
    workspace.options.config = [
        "env.C.relative=true",
        "env.D.value=\"d\"",
        "env.D.relative=true",
    ]
    .map(str::to_owned)
    .into();
    let all = format!("{root}/sub/a near {root}/sub/c {root}/sub/d");
    assert_eq!(workspace.same_at_edits(), all);
}

#[test]
fn config_argument_precedes_the_variable_of_its_key() {
    let mut workspace = Workspace::app("1");
    // Every build queries rustc.
    workspace.set("CARGO_CACHE_RUSTC_INFO", "0");
    let [typed, set, written] = ["typed", "set", "written"].map(|name| workspace.wrapper(name));
    workspace.write(
        ".cargo/config.toml",
        &format!("[build]\nrustc-wrapper = \"{written}\"\n"),
    );
    let typed = vec![format!("build.rustc-wrapper=\"{typed}\"")];
    let none = Vec::new();
    for (variable, config, expected) in [
        ("CARGO_BUILD_RUSTC_WRAPPER", &typed, "typed"),
        ("CARGO_BUILD_RUSTC_WRAPPER", &none, "set"),
        // This one is not the variable of the key.
        ("RUSTC_WRAPPER", &typed, "set"),
        ("UNRELATED", &none, "written"),
    ] {
        workspace.set(variable, set.as_str());
        workspace.options.config.clone_from(config);
        for judge in [Workspace::cargo, Workspace::kt] {
            judge(&workspace);
            let log = workspace.logged();
            let called: BTreeSet<_> = log.lines().filter_map(|it| it.split(' ').next()).collect();
            assert_eq!(called, BTreeSet::from([expected]), "{variable} {config:?}");
        }
        workspace.unset(variable);
    }

    workspace.set("CARGO_PROFILE_DEV_PANIC", "abort");
    let reported = |workspace: &Workspace| {
        let plan = plan(&workspace.options, &workspace.context).unwrap();
        let is_panic = |notice: &Notice| notice.to_string().contains("panic");
        plan.notices.iter().any(is_panic)
    };
    assert!(reported(&workspace));
    workspace.options.config = vec!["profile.dev.panic=\"unwind\"".to_owned()];
    assert!(!reported(&workspace));
}

#[test]
fn another_home_has_another_configuration() {
    let mut workspace = Workspace::app("option_env!(\"EXTRA\").unwrap_or(\"none\")");
    // rustup's own directory does not move.
    let rustup = std::process::Command::new("rustup")
        .args(["show", "home"])
        .output();
    if let Ok(rustup) = rustup {
        let home = String::from_utf8(rustup.stdout).unwrap();
        workspace.set("RUSTUP_HOME", home.trim());
    }
    workspace.unset("CARGO_HOME");
    for name in ["one", "two"] {
        let text = format!("[env]\nEXTRA = \"{name}\"\n");
        workspace.write(&format!("../{name}/.cargo/config.toml"), &text);
    }
    for name in ["one", "two", "one"] {
        workspace.set("HOME", workspace.path(&format!("../{name}")).as_str());
        assert_eq!(workspace.same(), name);
    }
}

#[test]
fn flags_of_rustc_are_read_in_all_places() {
    let mut workspace = Workspace::app(
        "[cfg!(a), cfg!(b), cfg!(c), cfg!(d)].map(u8::from).map(|it| it.to_string()).concat()",
    );
    let configure = |text: &str| workspace.write(".cargo/config.toml", text);
    configure("target.'cfg(unix)'.rustflags = [\"--cfg\", \"a\"]\n");
    assert_eq!(workspace.same_at_edits(), "1000");
    configure(
        "target.'cfg(unix)'.rustflags = [\"--cfg\", \"a\"]
target.x86_64-unknown-linux-gnu.rustflags = \"--cfg b\"
target.'cfg(windows)'.rustflags = [\"--cfg\", \"c\"]
",
    );
    assert_eq!(workspace.same_at_edits(), "1100");
    workspace.set("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "--cfg c");
    assert_eq!(workspace.same_at_edits(), "1110");
    workspace.set("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}d");
    assert_eq!(workspace.same_at_edits(), "0001");
}

/// kt passes `--target`, and then cargo passes no flags to them. The flags are in
/// `CARGO_ENCODED_RUSTFLAGS`, which build scripts read in both cases.
#[test]
fn build_scripts_are_compiled_without_flags_of_the_target() {
    let mut workspace = Workspace::app("env!(\"SEEN\")");
    workspace.write(
        "app/build.rs",
        "fn main() {
    let flags = std::env::var(\"CARGO_ENCODED_RUSTFLAGS\").unwrap();
    println!(\"cargo::rustc-env=SEEN={} {}\", flags.replace('\\u{1f}', \" \"), cfg!(special));
}
",
    );
    workspace.set("RUSTFLAGS", "--cfg special");
    assert_eq!(workspace.cargo(), "--cfg special true");
    assert_eq!(workspace.kt(), "--cfg special false");
}

#[test]
fn build_scripts_see_debug_information_and_the_cfg_of_kt() {
    let mut workspace = Workspace::app("env!(\"SEEN\")");
    workspace.write(
        "app/build.rs",
        "fn main() {
    let seen = [\"DEBUG\", \"PROFILE\", \"OPT_LEVEL\", \"CARGO_CFG_KT\"].map(std::env::var);
    println!(\"cargo::rustc-env=SEEN={}\", seen.map(|it| format!(\"{:?}\", it.ok())).join(\" \"));
}
",
    );
    workspace.set("CARGO_PROFILE_DEV_DEBUG", "0");
    let seen =
        |debug: &str, kt: &str| format!("Some(\"{debug}\") Some(\"debug\") Some(\"0\") {kt}");
    assert_eq!(workspace.cargo(), seen("false", "None"));
    assert_eq!(workspace.kt(), seen("true", "Some(\"\")"));
}

/// `path` is a toolchain of rustup's, which then calls the rustc in it.
#[test]
fn toolchain_files_and_variables_select_rustc() {
    let mut workspace = Workspace::app("1");
    // rustup sets them for `cargo test`.
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC"] {
        workspace.unset(name);
    }
    let real = workspace.build().compiled.toolchain.rustc;
    let toolchain = workspace.path("../toolchain");
    std::fs::create_dir_all(toolchain.join("bin")).unwrap();
    let rustc = workspace.wrapper("toolchain/bin/rustc");
    let script = std::fs::read_to_string(&rustc).unwrap();
    std::fs::write(&rustc, script.replace("exec ", &format!("exec {real} "))).unwrap();
    let is_used = |workspace: &Workspace| {
        workspace.build();
        workspace.logged().contains("-vV")
    };
    assert!(!is_used(&workspace));
    let file = format!("[toolchain]\npath = \"{toolchain}\"\n");
    workspace.write("rust-toolchain.toml", &file);
    assert!(is_used(&workspace));
    std::fs::remove_file(workspace.path("rust-toolchain.toml")).unwrap();
    assert!(!is_used(&workspace));
    workspace.set("RUSTUP_TOOLCHAIN", toolchain.as_str());
    assert!(is_used(&workspace));
}

/// As the `cc` crate does with `sccache`: it recognizes the name, and runs C compilers through it.
#[test]
fn build_scripts_see_the_name_of_the_wrapper_and_can_run_it() {
    let mut workspace = Workspace::app("env!(\"SEEN\")");
    workspace.write(
        "app/build.rs",
        "fn main() {
    let wrapper = std::path::PathBuf::from(std::env::var_os(\"RUSTC_WRAPPER\").unwrap());
    let ran = std::process::Command::new(&wrapper).args([\"echo\", \"compiled\"]).output().unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    println!(\"cargo::rustc-env=SEEN={:?} {printed}\", wrapper.file_name().unwrap());
    println!(\"cargo::rerun-if-changed=build.rs\");
}
",
    );
    workspace.set("RUSTC_WRAPPER", workspace.wrapper("sccache").as_str());
    assert_eq!(workspace.same_at_edits(), "\"sccache\" compiled");
    let log = workspace.logged();
    assert_eq!(log.matches("sccache echo compiled\n").count(), 2, "{log}");
}

#[test]
fn numbers_of_jobs_are_those_of_cargo() {
    let mut workspace = Workspace::app("1");
    workspace.kt();
    let mut edits = 1;
    let mut build = |workspace: &Workspace| {
        edits += 1;
        workspace.program(&edits.to_string());
        workspace.try_build().0.map(|built| built.how)
    };
    for jobs in ["default", "-1", "1", "-1000"] {
        workspace.options.jobs = Some(jobs.to_owned());
        let how = build(&workspace).unwrap();
        assert!(matches!(how, How::Replayed { .. }), "{jobs}: {how:?}");
    }
    for jobs in ["0", "many"] {
        workspace.options.jobs = Some(jobs.to_owned());
        build(&workspace).expect_err(jobs);
    }
    workspace.options.jobs = None;
    // A change of the configuration calls cargo, and the edit after it does not.
    for jobs in ["1", "-1", "\"default\""] {
        workspace.write(".cargo/config.toml", &format!("build.jobs = {jobs}\n"));
        assert!(
            matches!(build(&workspace).unwrap(), How::Cargo { .. }),
            "{jobs}"
        );
        assert!(
            matches!(build(&workspace).unwrap(), How::Replayed { .. }),
            "{jobs}"
        );
    }
}

/// make passes its jobserver to each command, and the file descriptors only to some.
#[test]
fn a_closed_jobserver_is_not_reported_by_rustc() {
    let mut workspace = Workspace::app("1");
    workspace.set("MAKEFLAGS", " -j2 --jobserver-auth=98,99");
    assert_eq!(workspace.same(), "1");
    workspace.program("2");
    let (built, heard) = workspace.try_build();
    assert!(matches!(built.unwrap().how, How::Replayed { .. }));
    assert_eq!(*heard.diagnostics.lock().unwrap(), "");
}

#[test]
fn variables_of_rustc_are_those_of_cargo_at_edits() {
    let mut workspace = Workspace::app("");
    let names = [
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_PKG_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "OUT_DIR",
    ];
    let read = names.map(|name| format!("option_env!(\"{name}\").unwrap_or(\"none\")"));
    workspace.program(&format!("[{}].join(\" \")", read.join(", ")));
    let values = |links: &str| format!("app app 1 app {}/app {links}", workspace.root);
    assert_eq!(workspace.same_at_edits(), values("none none"));
    // cargo itself sets only those that the package has.
    for name in names {
        workspace.set(name, "shell");
    }
    let values = format!("app app 1 app {}/app shell shell", workspace.root);
    assert_eq!(workspace.same_at_edits(), values);
}

#[test]
fn keys_of_profiles_are_honored() {
    let mut workspace = Workspace::app("");
    workspace.package("leaf", "");
    workspace.write(
        "leaf/src/lib.rs",
        "pub fn leaf() -> bool { cfg!(debug_assertions) }
pub fn overflows() -> bool { std::panic::catch_unwind(|| u8::MAX + std::hint::black_box(1)).is_err() }
",
    );
    workspace.package(
        "app",
        "leaf = { path = \"../leaf\" }\nkt-runtime = { path = \"../../kt-runtime\" }\n",
    );
    workspace.write("app/build.rs", "fn main() {}\n");
    workspace.write(
        "Cargo.toml",
        "[workspace]
resolver = \"3\"
members = [\"app\", \"leaf\"]

[profile.dev]
overflow-checks = false
codegen-units = 7

[profile.dev.package.leaf]
debug-assertions = false
codegen-units = 3

[profile.dev.build-override]
opt-level = 2
",
    );
    let expression =
        "format!(\"{} {} {}\", cfg!(debug_assertions), leaf::leaf(), leaf::overflows())";
    workspace.program(expression);
    workspace.set("RUSTC_WRAPPER", workspace.wrapper("wrapper").as_str());
    assert_eq!(workspace.same_at_edits(), "true false false");
    let log = workspace.logged();
    for (name, flag) in [
        ("app", "codegen-units=7"),
        ("leaf", "codegen-units=3"),
        ("build_script_build", "opt-level=2"),
    ] {
        let calls = log
            .lines()
            .filter(|line| line.contains(&format!("--crate-name {name} ")));
        let calls: Vec<_> = calls.collect();
        assert!(calls.len() >= 2, "{name}: {log}");
        assert!(calls.iter().all(|call| call.contains(flag)), "{calls:#?}");
    }
}

/// Writes a package of a registry that is a directory.
fn vendor(workspace: &Workspace, version: &str, rust_version: &str) {
    let directory = format!("vendor/dep-{version}");
    let manifest = format!(
        "[package]\nname = \"dep\"\nversion = \"{version}\"\nedition = \"2024\"\nrust-version = \"{rust_version}\"\n"
    );
    workspace.write(&format!("{directory}/Cargo.toml"), &manifest);
    let source = format!("pub const VERSION: &str = \"{version}\";\n");
    workspace.write(&format!("{directory}/src/lib.rs"), &source);
    workspace.write(
        &format!("{directory}/.cargo-checksum.json"),
        "{\"files\": {}}",
    );
}

#[test]
fn a_replaced_registry_is_resolved_as_by_cargo() {
    let mut workspace = Workspace::app("dep::VERSION");
    vendor(&workspace, "1.0.0", "1.85");
    vendor(&workspace, "1.1.0", "1.999");
    workspace.write(
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n",
    );
    let runtime = "kt-runtime = { path = \"../../kt-runtime\" }\n";
    workspace.package("app", &format!("dep = \"1\"\n{runtime}"));
    let lock = workspace.path("Cargo.lock");
    let unlock = || std::fs::remove_file(&lock).unwrap();
    assert_eq!(workspace.same_at_edits(), "1.0.0");
    // Sources of a registry do not change for cargo.
    workspace.write(
        "vendor/dep-1.0.0/src/lib.rs",
        "pub const VERSION: &str = \"edited\";\n",
    );
    assert_eq!(workspace.same_at_edits(), "1.0.0");
    unlock();
    workspace.options.ignore_rust_version = true;
    assert_eq!(workspace.kt(), "1.1.0");
    workspace.options.ignore_rust_version = false;
    workspace.fail();
    unlock();
    workspace.options.locked = true;
    workspace.fail();
    workspace.options.locked = false;

    // The configuration replaces packages, in two ways.
    workspace.write(
        "path/Cargo.toml",
        "[package]\nname = \"dep\"\nversion = \"1.0.0\"\n",
    );
    workspace.write("path/src/lib.rs", "pub const VERSION: &str = \"path\";\n");
    workspace.options.config = vec!["paths=[\"path\"]".to_owned()];
    assert_eq!(workspace.same_at_edits(), "path");
    unlock();
    workspace.write(
        "other/Cargo.toml",
        "[package]\nname = \"dep\"\nversion = \"1.0.7\"\n",
    );
    workspace.write("other/src/lib.rs", "pub const VERSION: &str = \"other\";\n");
    workspace.options.config = vec!["patch.crates-io.dep.path=\"other\"".to_owned()];
    assert_eq!(workspace.same_at_edits(), "other");
    workspace.write("other/src/lib.rs", "pub const VERSION: &str = \"newer\";\n");
    assert_eq!(workspace.same(), "newer");
}

#[test]
fn keys_of_the_manifest_are_honored() {
    let mut workspace = Workspace::app(
        "format!(\"{} {} {}\", dep::VERSION, cfg!(scripted), cfg!(feature = \"extra\"))",
    );
    workspace.write("dep/Cargo.toml", "[package]\nname = \"dep\"\n");
    workspace.write("never/Cargo.toml", "[package]\nname = \"never\"\n");
    workspace.write(
        "never/src/lib.rs",
        "compile_error!(\"for another target\");\n",
    );
    // An edition without `async`.
    workspace.write(
        "dep/src/lib.rs",
        "pub const VERSION: u32 = { let async = 1; async };\n",
    );
    let app = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    let app = format!(
        "{app}
[features]
extra = []

[[bin]]
name = \"app\"
path = \"src/main.rs\"
required-features = [\"extra\"]

[target.'cfg(unix)'.dependencies]
dep = {{ path = \"../dep\" }}

[target.'cfg(windows)'.dependencies]
never = {{ path = \"../never\" }}
"
    );
    workspace.write("app/Cargo.toml", &app);
    let script = "fn main() {
    println!(\"cargo::rustc-check-cfg=cfg(scripted)\");
    println!(\"cargo::rustc-cfg=scripted\");
    println!(\"cargo::rustc-cdylib-link-arg=-nonsense\");
    println!(\"cargo::rerun-if-changed=build.rs\");
}
";
    workspace.write("app/build.rs", script);
    workspace.fail();
    workspace.options.features = vec!["extra".to_owned()];
    assert_eq!(workspace.kt(), "1 true true");
    workspace.write(
        "app/Cargo.toml",
        &app.replace("edition", "rust-version = \"1.999\"\nedition"),
    );
    workspace.fail();
    workspace.options.ignore_rust_version = true;
    assert_eq!(workspace.kt(), "1 true true");

    let library = "[lib]\ncrate-type = [\"dylib\"]\n";
    workspace.write(
        "dep/Cargo.toml",
        &format!("[package]\nname = \"dep\"\n{library}"),
    );
    let error = workspace.fail().to_string();
    assert!(error.contains("dylib"), "{error}");
    workspace.write("dep/Cargo.toml", "[package]\nname = \"dep\"\n");

    for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        let text = format!("[env]\n{name} = \"x\"\n");
        workspace.write(".cargo/config.toml", &text);
        workspace.fail();
    }
    workspace.write(".cargo/config.toml", "");
    workspace.write(
        "app/build.rs",
        "fn main() {\n    println!(\"cargo::error=refused\");\n}\n",
    );
    workspace.fail();
}

#[test]
fn the_target_directory_is_configured() {
    let mut workspace = Workspace::app("1");
    workspace.write(".cargo/config.toml", "build.target-dir = \"configured\"\n");
    let [typed, set] = ["typed", "set"];
    for (expected, variable, config) in [
        ("configured", None, None),
        ("set", Some("CARGO_BUILD_TARGET_DIR"), None),
        ("typed", Some("CARGO_BUILD_TARGET_DIR"), Some(typed)),
        // This one is not the variable of the key.
        ("set", Some("CARGO_TARGET_DIR"), Some(typed)),
    ] {
        workspace.options.config.clear();
        let config = config.map(|directory| format!("build.target-dir=\"{directory}\""));
        workspace.options.config.extend(config);
        if let Some(variable) = variable {
            workspace.set(variable, set);
        }
        let directory = workspace.path(expected);
        let built = workspace.build();
        assert!(
            built.compiled.hot[0].rlib.starts_with(&directory),
            "{built:?}"
        );
        assert_eq!(workspace.build().how, How::Unchanged, "{expected}");
        std::fs::remove_dir_all(&directory).unwrap();
        for name in ["CARGO_BUILD_TARGET_DIR", "CARGO_TARGET_DIR"] {
            workspace.unset(name);
        }
    }
}
