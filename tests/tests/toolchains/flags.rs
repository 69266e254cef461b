//! Flags of rustc and linkers. docs/cargo-settings.md lists them.

use std::{fs, process::Command};

use tests::{Fixture, Project};

/// A program whose crate also has a plain static, without any of kt's dependencies on it.
const STATIC: &str = "\npub static PLAIN: AtomicU64 = AtomicU64::new(0);\n";

/// Flags that another key of the configuration or a variable may have, too.
fn configure(project: &Project, flags: &[&str]) {
    project.write(
        ".cargo/config.toml",
        &format!("[build]\nrustflags = {flags:?}\n"),
    );
}

/// Gives flags only to the program's own crate: the others stay compiled.
fn configure_own_crate(project: &Project, settings: &str) {
    let manifest = project.read("Cargo.toml");
    let features = "cargo-features = [\"profile-rustflags\", \"codegen-backend\"]\n";
    let manifest = manifest.strip_prefix(features).unwrap_or(&manifest);
    let own = "\n[profile.dev.package.one]\n";
    let manifest = manifest.split(own).next().unwrap();
    let text = format!("{features}{manifest}{own}{settings}\n");
    project.write("Cargo.toml", &text);
}

#[test]
fn flags_that_shared_objects_cannot_have_are_refused_before_anything_is_compiled() {
    let mut project = Project::of(Fixture::ONE);
    project.environment("RUSTC_BOOTSTRAP", "1");
    for (flag, why) in [
        ("-Crelocation-model=static", "position-independent code"),
        ("-Crelocation-model=pie", "position-independent code"),
        ("-Ctarget-feature=+crt-static", "the shared C library"),
        ("-Cpanic=abort", "a panic would stop the worker"),
        ("-Clto=fat", "each crate separately"),
        ("-Clinker-plugin-lto", "the machine code of each crate"),
        ("-Cinstrument-coverage", "`cargo test` or `cargo run`"),
        ("-Cprofile-generate=/tmp/profile", "record the profile"),
        ("-Zsanitizer=address", "`cargo run` or `cargo test`"),
        ("-Zsanitizer=thread", "an executable of its own"),
        ("-Zdefault-visibility=hidden", "must see its symbols"),
        ("-Ztls-model=initial-exec", "a running process"),
        // Where the component is installed. Else rustc may be the first to reject it.
        ("-Zcodegen-backend=cranelift", "the layouts of states"),
    ] {
        configure(&project, &[flag]);
        let refused = project.run().code(101);
        let (kind, option) = flag.split_at(2);
        refused
            .says(&format!("flag `{kind} {option}` is not supported"))
            .says(why)
            .says("help: remove it from RUSTFLAGS")
            .does_not_report("Compiling");
    }
}

#[test]
fn flags_of_one_profile_are_refused_by_the_compilation_that_has_them() {
    let mut project = Project::of(Fixture::ONE);
    project.environment("RUSTC_BOOTSTRAP", "1");
    for (settings, flag) in [
        (
            "rustflags = [\"-Zsanitizer=address\"]",
            "-Z sanitizer=address",
        ),
        ("rustflags = [\"-Cpanic=abort\"]", "-C panic=abort"),
        (
            "codegen-backend = \"cranelift\"",
            "-Z codegen-backend=cranelift",
        ),
    ] {
        configure_own_crate(&project, settings);
        let refused = project.run().code(101);
        refused
            .says(&format!("flag `{flag}` is not supported"))
            .says("could not compile `one`");
    }
}

#[test]
fn flags_that_change_code_and_outputs_are_honored_at_builds_and_at_edits() {
    let mut project = Project::of(Fixture::ONE);
    project.environment("RUSTC_BOOTSTRAP", "1");
    project.append("src/main.rs", STATIC);
    project.edit(
        "src/main.rs",
        "    let visit =",
        "    PLAIN.fetch_add(1, Ordering::Relaxed);\n    let name = if cfg!(flagged) { name + \"!\" } else { name };\n    let visit =",
    );
    let flags = [
        "--cfg=flagged",
        "--check-cfg=cfg(flagged)",
        "--emit=asm,llvm-ir",
        "-Csave-temps",
        "-Ccode-model=large",
        "-Csplit-debuginfo=packed",
        "-Zdefault-visibility=protected",
        "-Clinker-flavor=ld",
        "-Zplt=yes",
    ];
    configure_own_crate(&project, &format!("rustflags = {flags:?}"));
    project.run().success().prints("hello Alice!, visit 1");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let edited = project.run().success();
    edited
        .prints("good day Alice!, visit 2")
        .says("kept one::VISITS")
        .says("static `one::PLAIN` (src/main.rs:");
    // The type's layout is known, although the debug information would be in files of its own.
    project.edit(
        "src/main.rs",
        "AtomicU64, Ordering",
        "AtomicI64, AtomicU64, Ordering",
    );
    project.edit(
        "src/main.rs",
        "VISITS: AtomicU64 = AtomicU64",
        "VISITS: AtomicI64 = AtomicI64",
    );
    let edited = project.run().success();
    edited
        .prints("good day Alice!, visit 3")
        .says("Migrated one::VISITS");
    let deps = project
        .root()
        .join("target/kt/x86_64-unknown-linux-gnu/debug/deps");
    let has = |extension: &str| {
        let files = fs::read_dir(&deps)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut own = files.filter(|path| path.to_string_lossy().contains("/one-"));
        own.any(|path| path.extension().is_some_and(|it| it == extension))
    };
    assert!(has("s") && has("ll"), "rustc wrote what `--emit` names");
    assert!(!has("dwo"), "debug information is in the objects");
}

/// A program without items of kt, which rustc links and kt links again.
fn program_of_a_library(project: &Project) {
    project.write(
        "src/lib.rs",
        "#[kt::remote]\npub fn answer() -> u32 {\n    42\n}\n",
    );
    project.write(
        "src/main.rs",
        "fn main() {\n    println!(\"first {}\", one::answer().blocking().unwrap());\n}\n",
    );
}

#[test]
fn options_of_other_linkers_are_reported_and_not_used() {
    let mut project = Project::of(Fixture::ONE);
    project.environment("RUSTC_BOOTSTRAP", "1");
    program_of_a_library(&project);
    let flags = ["-Clink-arg=-Wl,--quick-exit,--export-dynamic,--separate-debug-file=x"];
    configure_own_crate(&project, &format!("rustflags = {flags:?}"));
    let warning = "lld, which does not know these arguments, and so they are not used: --quick-exit --separate-debug-file=x";
    project.run().success().prints("first 42").says(warning);
    project.edit("src/main.rs", "first", "second");
    project.run().success().prints("second 42").says(warning);

    // With this flavor rustc passes options without `-Wl,`.
    configure_own_crate(&project, "rustflags = [\"-Clinker-flavor=ld\"]");
    project.run().success().prints("second 42");
    project.edit("src/lib.rs", "42", "43");
    project.run().success().prints("second 43");
}

#[test]
fn a_library_that_replaces_linkers_does_not_replace_that_of_kt() {
    let mut project = Project::of(Fixture::ONE);
    project.run().success().prints("hello Alice, visit 1");
    // As that of `mold -run`, which starts mold where a process would start `ld` or `ld.lld`.
    let source = project.private().join("wrapper.c");
    let text = "#define _GNU_SOURCE\n#include <errno.h>\n#include <string.h>\n#include <unistd.h>\n\
                __attribute__((constructor)) static void start(void) {\n    \
                if (strstr(program_invocation_short_name, \"lld\"))\n        _exit(97);\n}\n";
    fs::write(&source, text).unwrap();
    let library = project.private().join("mold-wrapper.so");
    let mut compile = Command::new("cc");
    compile
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source);
    assert!(compile.status().unwrap().success());
    project.environment("LD_PRELOAD", library.display());
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project.run().success().prints("good day Alice, visit 2");
}
