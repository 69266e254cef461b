//! Errors in the developer's own code.

use tests::{Fixture, Project, assert_terminal};

use crate::assert_answers;

#[test]
fn run_outside_a_package_names_the_missing_manifest() {
    let project = Project::empty();
    let output = project.run().code(101);
    assert_terminal!("not_a_project", project, output);
}

#[test]
fn package_without_kt_runtime_shows_how_to_add_it() {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        "[package]\nname = \"bare\"\nedition = \"2024\"\n",
    );
    project.write("src/main.rs", "fn main() {}\n");
    let output = project.run().code(101);
    assert_terminal!("no_kt_runtime", project, output);
}

#[test]
fn program_without_remote_functions_is_an_error() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "src/main.rs",
        "fn main() {\n    println!(\"nothing is remote\");\n}\n",
    );
    let output = project
        .run()
        .code(101)
        .says("has no remote function")
        .says("#[kt::remote]");
    assert_eq!(output.stdout, "", "it was not run: {output:?}");
    assert!(project.services().is_empty(), "no service was started");
}

#[test]
fn compile_error_shows_rustc_output_and_keeps_the_old_generation() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    assert_eq!(driver.ask("length four"), "4");

    project.edit("src/remote.rs", "text.len() as u64", "text.len() as Strin");
    let broken = project.run_with("length four").code(101);
    let broken = broken
        .says("error[E0425]: cannot find type `Strin` in this scope")
        .says("--> src/remote.rs:");
    assert_eq!(broken.stdout, "", "nothing was run: {broken:?}");
    assert_eq!(
        driver.ask("length four"),
        "4",
        "the old generation keeps serving"
    );

    project.edit(
        "src/remote.rs",
        "text.len() as Strin",
        "text.len() as u64 * 10",
    );
    project
        .run_with("length four")
        .success()
        .prints("length four: 40");
    driver.finish().success();
}

#[test]
fn old_driver_gets_an_error_for_a_removed_or_changed_function() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    assert_eq!(driver.ask("length four"), "4");

    // Another result type: the old driver cannot decode what the new code encodes.
    project.edit(
        "src/remote.rs",
        "length(text: String) -> u64",
        "length(text: String) -> u32",
    );
    project.edit("src/remote.rs", "text.len() as u64", "text.len() as u32");
    project
        .run_with("length four")
        .success()
        .prints("length four: 4");
    let changed = driver.ask("length four");
    assert!(
        changed.starts_with("ShapeMismatch: the types of `calls::remote::length` do not match"),
        "{changed}"
    );
    assert!(
        changed.contains("-> u64") && changed.contains("-> u32"),
        "{changed}"
    );

    // Another name.
    project.edit("src/remote.rs", "fn length(text", "fn lengths(text");
    project.edit(
        "src/command.rs",
        "remote::length(word(1))",
        "remote::lengths(word(1))",
    );
    project.edit(
        "src/command.rs",
        "remote::length(\"x\"",
        "remote::lengths(\"x\"",
    );
    project
        .run_with("length four")
        .success()
        .prints("length four: 4");
    let removed = driver.ask("length four");
    let expected = "UnknownFunction: the service has no remote function `calls::remote::length`; did it become `calls::remote::lengths`?";
    assert!(removed.starts_with(expected), "{removed}");

    // Unchanged functions still answer the old driver.
    assert_eq!(driver.ask("divide 4 2"), "Ok(2)");
    driver.finish().success();
}

#[test]
fn global_allocator_is_ignored_and_reported() {
    let project = Project::of(Fixture::ONE);
    let allocator = "\n#[global_allocator]\nstatic ALLOCATOR: Loud = Loud;\n\nstruct Loud;\n\n\
        unsafe impl std::alloc::GlobalAlloc for Loud {\n    \
            unsafe fn alloc(&self, _: std::alloc::Layout) -> *mut u8 {\n        std::process::abort()\n    }\n\n    \
            unsafe fn dealloc(&self, _: *mut u8, _: std::alloc::Layout) {\n        std::process::abort()\n    }\n}\n";
    project.append("src/main.rs", allocator);
    // It would abort driver and worker at the first allocation.
    assert_answers(&project, 1)
        .says("the `#[global_allocator]` of `one` is not used under cargo kt");
}
