//! Settings in the developer's manifest and cargo configuration.

use std::{fs, os::unix::fs::PermissionsExt};

use tests::{Fixture, Project, assert_terminal};

use crate::assert_answers;

#[test]
fn incompatible_profile_settings_are_replaced_and_reported_once() {
    let project = Project::of(Fixture::CALLS);
    project.append(
        "Cargo.toml",
        "\n[profile.dev]\npanic = \"abort\"\nlto = \"fat\"\nstrip = true\n",
    );
    let first = project
        .run_with("fall 1")
        .code(1)
        .prints("fall 1: Panicked: ");
    assert_terminal!("profile_settings", project, first);
    // The worker caught the panic and keeps serving.
    let second = project
        .run_with("length four")
        .success()
        .prints("length four: 4");
    second.does_not_report("is replaced by");
}

#[test]
fn profile_without_debug_info_still_keeps_and_resets_states() {
    let project = Project::of(Fixture::ONE);
    project.append("Cargo.toml", "\n[profile.dev]\ndebug = 0\nstrip = true\n");
    project.edit(
        "src/main.rs",
        "#[kt::state]",
        "static PLAIN: AtomicU64 = AtomicU64::new(0);\n// Without serde.\nstruct Count {\n    all: AtomicU64,\n}\n\n#[kt::state]",
    );
    project.edit(
        "src/main.rs",
        "VISITS: AtomicU64 = AtomicU64::new(0)",
        "VISITS: Count = Count { all: AtomicU64::new(0) }",
    );
    project.edit(
        "src/main.rs",
        "VISITS.fetch_add(1, Ordering::Relaxed)",
        "VISITS.all.fetch_add(1, Ordering::Relaxed) + PLAIN.fetch_add(1, Ordering::Relaxed) * 100",
    );
    project.run().success().prints("hello Alice, visit 1");
    project.run().success().prints("hello Alice, visit 102");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project
        .run()
        .success()
        .prints("good day Alice, visit 3")
        .says("note: static `one::PLAIN` (src/main.rs:5) was reset");
    project.edit(
        "src/main.rs",
        "    all: AtomicU64,",
        "    more: u8,\n    all: AtomicU64,",
    );
    project.edit("src/main.rs", "Count { all:", "Count { more: 0, all:");
    project
        .run()
        .success()
        .prints("good day Alice, visit 1")
        .says("state `one::VISITS` was reset to its initial value: field `more` of `Count` added");
}

#[test]
fn target_cpu_in_rustflags_is_respected() {
    let project = Project::of(Fixture::ONE);
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n",
    );
    assert_answers(&project, 1);
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project.run().success().prints("good day Alice, visit 2");
}

#[test]
fn musl_target_is_refused_as_a_flag_and_replaced_in_the_config() {
    let project = Project::of(Fixture::ONE);
    let refused = project
        .kt(["run", "--target", "x86_64-unknown-linux-musl"])
        .code(101);
    assert_terminal!("musl_target", project, refused);
    project.write(
        ".cargo/config.toml",
        "[build]\ntarget = \"x86_64-unknown-linux-musl\"\n",
    );
    assert_answers(&project, 1).says(
        "`build.target = \"x86_64-unknown-linux-musl\"` is replaced by `x86_64-unknown-linux-gnu`",
    );
}

#[test]
fn nightly_flags_on_stable_show_rustcs_error() {
    let project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"-Zthreads=2\"]\n",
    );
    project
        .run()
        .code(101)
        .says("the option `Z` is only accepted on the nightly compiler");
    project.write(".cargo/config.toml", "");
    assert_answers(&project, 2);
}

#[test]
fn custom_linker_is_used_for_build_scripts() {
    let project = Project::of(Fixture::ONE);
    let linker = project.root().join("linker");
    let used = project.root().join("used");
    fs::write(
        &linker,
        format!(
            "#!/bin/sh\necho \"$@\" >> {}\nexec cc \"$@\"\n",
            used.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&linker, fs::Permissions::from_mode(0o755)).unwrap();
    let configuration = format!("[target.x86_64-unknown-linux-gnu]\nlinker = {linker:?}\n");
    project.write(".cargo/config.toml", &configuration);
    project.write("build.rs", "fn main() {}\n");
    assert_answers(&project, 1);
    assert!(used.exists(), "the build script was linked by it");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project.run().success().prints("good day Alice, visit 2");
}
