//! Commands that are too long for the kernel: cargo passes the arguments in a file.

use tests::{Fixture, Project};

#[test]
fn a_crate_with_megabytes_of_arguments_is_compiled_and_edited() {
    let project = Project::of(Fixture::ONE);
    // cargo passes each with `--check-cfg`.
    let cfg = |number: u32| format!("cfg(flag_{number}, values(none(), \"{}\"))", "x".repeat(80));
    let cfgs: Vec<_> = (0..25_000).map(cfg).collect();
    project.append(
        "Cargo.toml",
        &format!("\n[lints.rust.unexpected_cfgs]\nlevel = \"deny\"\ncheck-cfg = {cfgs:?}\n"),
    );
    project.edit(
        "src/main.rs",
        "    let visit =",
        "    let name = if cfg!(flag_24999) { \"?\".into() } else { name };\n    let visit =",
    );
    project.run().success().prints("hello Alice, visit 1");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = project.run().success();
    output
        .prints("good day Alice, visit 2")
        .says("kept one::VISITS");

    // The state's type changes: the type probe has the same arguments.
    project.edit("src/main.rs", "AtomicU64, Ordering", "AtomicU32, Ordering");
    project.edit(
        "src/main.rs",
        "AtomicU64 = AtomicU64",
        "AtomicU32 = AtomicU32",
    );
    let output = project.run().success();
    output
        .prints("good day Alice, visit 3")
        .says("Migrated one::VISITS");
}
