//! Images whose glibc is older than what this machine links for.

use std::{env, path::Path};

use tests::{
    Fixture, Project, cargo_kt,
    cluster::{Namespace, image},
};

/// A project in an image with an older glibc. zig is the one that `cluster env` exports, or PATH's.
fn project(namespace: &Namespace, fixture: Fixture) -> Project {
    let mut project = namespace.project(fixture, &image::old_glibc());
    if let Ok(zig) = env::var("KT_TEST_ZIG") {
        project.environment("KT_ZIG", zig);
    }
    project
}

/// Stops the one running service.
fn down(project: &Project) {
    let services = project.services();
    assert_eq!(services.len(), 1, "{services:#?}");
    let name = services[0]["name"].as_str().expect("a service has a name");
    project.kt(["down", name]).success();
}

/// Makes the remote function return its glibc's version and its `LD_LIBRARY_PATH`.
fn return_glibc_version(project: &Project) {
    project.edit(
        "src/main.rs",
        "    format!(\"hello {name}, visit {visit}\")",
        "    format!(\"{name}, visit {visit}, glibc {}, {:?}\", glibc(), std::env::var(\"LD_LIBRARY_PATH\"))",
    );
    project.append(
        "src/main.rs",
        "
fn glibc() -> String {
    unsafe extern \"C\" {
        fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    // SAFETY: gnu_get_libc_version(3) returns a string that is never freed.
    unsafe { std::ffi::CStr::from_ptr(gnu_get_libc_version()) }.to_string_lossy().into_owned()
}
",
    );
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn objects_are_linked_for_the_images_glibc() {
    let namespace = Namespace::new();
    let project = project(&namespace, Fixture::ONE);
    return_glibc_version(&project);
    let first = project.run().success();
    // The worker does not see the host's own, newer libraries.
    assert_eq!(
        first.stdout, "Alice, visit 1, glibc 2.31, Err(NotPresent)\n",
        "{first:?}"
    );
    let relinked = |output: &tests::Output| output.stderr.contains("for glibc 2.31 of");
    assert!(relinked(&first), "{first:?}");

    // Later edits and services are linked for it at once.
    project.edit("src/main.rs", "{name}, visit", "Bob, {name}, visit");
    let second = project.run().success();
    assert!(
        second.stdout.starts_with("Bob, Alice, visit 2"),
        "{second:?}"
    );
    assert!(!relinked(&second), "{second:?}");
    down(&project);
    let third = project.run().success();
    assert!(third.stdout.starts_with("Bob, Alice, visit 1"), "{third:?}");
    assert!(!relinked(&third), "{third:?}");
    // The same objects run on this machine.
    down(&project);
    let here = project.kt(["run", "--place", "local"]).success();
    assert!(here.stdout.starts_with("Bob, Alice, visit 1"), "{here:?}");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn too_new_glibc_option_is_refused_before_sending() {
    let namespace = Namespace::new();
    let project = project(&namespace, Fixture::ONE);
    let refused = project.kt(["run", "--glibc", "2.35"]);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(
        refused.stderr.contains("2.31: nothing was sent"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("Shipping"), "{refused:?}");
    project.kt(["run", "--glibc", "2.31"]).success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn missing_zig_is_an_error_with_the_install_command() {
    let namespace = Namespace::new();
    let mut project = project(&namespace, Fixture::ONE);
    project.environment("KT_ZIG", "/nowhere/zig");
    let refused = project.run();
    assert!(!refused.status.success(), "{refused:?}");
    assert!(refused.stderr.contains("pip install"), "{refused:?}");
    assert!(!refused.stderr.contains("Shipping"), "{refused:?}");
    let services = project.services();
    assert!(services[0]["worker"].is_null(), "{services:#?}");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn c_code_is_compiled_for_the_images_glibc() {
    let namespace = Namespace::new();
    let project = project(&namespace, Fixture::WORKSPACE);
    // As portable C does: it uses arc4random, new in 2.36, where the headers have it.
    project.edit(
        "checksum/csrc/checksum.c",
        "uint32_t checksum_version(void) { return CHECKSUM_VERSION; }",
        "#include <stdlib.h>
#if __GLIBC_PREREQ(2, 36)
uint32_t checksum_version(void) { return arc4random() ? 36 : 37; }
#else
uint32_t checksum_version(void) { return __GLIBC_MINOR__; }
#endif",
    );
    let output = project.run().success();
    assert!(
        output.stdout.contains("C v31, call 1, 11e60398"),
        "{output:?}"
    );
    assert!(
        output.stderr.contains("C code of build scripts") && output.stderr.contains("arc4random"),
        "{output:?}"
    );
    // Neither the next run nor a local one recompiles it.
    let again = project.run().success();
    assert!(again.stdout.contains("C v31, call 2"), "{again:?}");
    down(&project);
    let here = project.kt(["run", "--place", "local"]).success();
    assert!(here.stdout.contains("C v31, call 1"), "{here:?}");
    for output in [again, here] {
        assert!(!output.stderr.contains("Compiling"), "{output:?}");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn host_with_its_own_glibc_restarts_and_stops() {
    let namespace = Namespace::new();
    let project = project(&namespace, Fixture::ONE);
    let before = project.read("src/main.rs");
    project.run().success();
    let restarts = || {
        let pods = namespace.get(&["pods"]);
        pods[0]["status"]["containerStatuses"][0]["restartCount"].as_u64()
    };
    assert_eq!(restarts(), Some(0));
    // The image has no shell: the function itself terminates the container's first process.
    project.edit(
        "src/main.rs",
        "    let visit = ",
        "    unsafe extern \"C\" {
        safe fn kill(process: i32, signal: i32) -> i32;
    }
    kill(1, 15);
    let visit = ",
    );
    let _cut_off = project.run();
    namespace.wait_for("restart", || (restarts() == Some(1)).then_some(()));
    project.write("src/main.rs", &before);
    let again = project.run().success();
    assert!(again.stdout.starts_with("hello Alice"), "{again:?}");
    down(&project);

    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    namespace.wait_for("end of the service", || {
        namespace.managed_objects().is_empty().then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn zig_links_without_a_c_compiler() {
    let namespace = Namespace::new();
    let mut project = project(&namespace, Fixture::ONE);
    return_glibc_version(&project);
    project.kt(["build", "--place", "local"]).success();
    down(&project);
    // PATH has only kt and the toolchain. Build scripts were compiled by the build above.
    let cargo = env::var("CARGO").expect("cargo runs the tests");
    let toolchain = Path::new(&cargo).parent().expect("it has a parent");
    assert!(
        !toolchain.join("cc").exists(),
        "{toolchain:?} has a C compiler"
    );
    let path = [cargo_kt(), toolchain].map(|folder| folder.display().to_string());
    project.environment("PATH", path.join(":"));
    let output = project.kt(["run", "--glibc", "2.31"]).success();
    assert!(
        output.stdout.starts_with("Alice, visit 1, glibc 2.31"),
        "{output:?}"
    );
    // Panics unwind through libgcc_s, of which the link saw only the symbol names.
    project.edit(
        "src/main.rs",
        "    let visit = ",
        "    assert_ne!(name, \"Alice\");\n    let visit = ",
    );
    let output = project.kt(["run", "--glibc", "2.31"]);
    assert!(
        output
            .stderr
            .contains("`one::greet` panicked at src/main.rs"),
        "{output:?}"
    );
}
