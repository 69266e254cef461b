//! The C library of workers: the image's, this machine's where the image's is too old or missing,
//! or an older one that the option `glibc` selects.

use std::{env, path::Path};

use tests::{
    Fixture, Output, Project, cargo_kt,
    cluster::{Namespace, image},
};

/// Makes the remote function return facts about its process.
///
/// - glibc's version, `LD_LIBRARY_PATH` and the name of its executable;
/// - an address of `localhost`, which `/etc/hosts` has;
/// - the directory of the mapped C library.
const FACTS: &str = r#"
fn facts() -> String {
    use std::{env, ffi::CStr, fs, net::ToSocketAddrs};
    unsafe extern "C" {
        fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    // SAFETY: gnu_get_libc_version(3) returns a string that is never freed.
    let glibc = unsafe { CStr::from_ptr(gnu_get_libc_version()) }.to_string_lossy();
    let executable = env::current_exe().unwrap();
    let executable = executable.file_name().unwrap().to_string_lossy().into_owned();
    let is_launcher = executable.starts_with("launcher");
    let address = ("localhost", 80).to_socket_addrs().unwrap().next().unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    // Before 2.34 the file is `libc-2.31.so`.
    let is_libc = |line: &&str| line.contains("/libc.so.6") || line.contains("/libc-2.");
    let libc = maps.lines().find(is_libc).unwrap();
    let own = libc.contains("/kt/data/");
    let path = env::var("LD_LIBRARY_PATH");
    format!("glibc {glibc} own={own} {path:?} launcher={is_launcher} {}", address.ip().is_loopback())
}
"#;

/// The version of this machine's glibc.
fn own_glibc() -> String {
    let output = std::process::Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .expect("glibc has getconf");
    let text = String::from_utf8(output.stdout).expect("it is text");
    text.trim().trim_start_matches("glibc ").to_owned()
}

/// Makes the remote function return [`FACTS`].
fn return_facts(project: &Project) {
    project.edit(
        "src/main.rs",
        "    format!(\"hello {name}, visit {visit}\")",
        "    format!(\"{name}, visit {visit}, {}\", facts())",
    );
    project.append("src/main.rs", FACTS);
}

/// Runs a program in an image, edits it and lets it panic.
#[track_caller]
fn runs_with_own_libraries(namespace: &Namespace, image: &str) -> Project {
    let project = namespace.project(Fixture::ONE, image);
    return_facts(&project);
    let facts = format!(
        "glibc {} own=true Err(NotPresent) launcher=true true",
        own_glibc()
    );
    let first = project.run().success();
    assert_eq!(
        first.stdout,
        format!("Alice, visit 1, {facts}\n"),
        "{first:?}"
    );

    project.edit("src/main.rs", "{name}, visit", "Bob, {name}, visit");
    let second = project.run().success().says("kept one::VISITS");
    assert_eq!(
        second.stdout,
        format!("Bob, Alice, visit 2, {facts}\n"),
        "{second:?}"
    );
    // The libraries are sent once.
    assert!(!second.stderr.contains("Linking launcher"), "{second:?}");

    project.edit(
        "src/main.rs",
        "    let visit = ",
        "    assert_ne!(name, \"Alice\");\n    let visit = ",
    );
    let panicked = project.run().code(1);
    panicked
        .says("`one::greet` panicked at src/main.rs")
        .says("one::greet");
    project.edit("src/main.rs", "    assert_ne!(name, \"Alice\");\n", "");
    let third = project.run().success();
    assert!(third.stdout.starts_with("Bob, Alice, visit 3"), "{third:?}");
    project
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_with_an_older_glibc_runs_with_this_machines() {
    let namespace = Namespace::new();
    let project = runs_with_own_libraries(&namespace, &image::old_glibc());
    // The same objects run on this machine.
    down(&project);
    let here = project.kt(["run", "--place", "local"]).success();
    assert!(here.stdout.starts_with("Bob, Alice, visit 1"), "{here:?}");
    assert!(!here.stderr.contains("Compiling"), "{here:?}");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_with_musl_runs_with_this_machines_glibc() {
    let namespace = Namespace::new();
    let project = runs_with_own_libraries(&namespace, &image::musl());
    // A child is a program of the image, with the image's C library.
    project.edit(
        "src/main.rs",
        "    let visit = ",
        "    let loader = format!(\"/lib/ld-musl-{}.so.1\", std::env::consts::ARCH);
    let child = std::process::Command::new(loader).output().unwrap();
    let name = String::from_utf8_lossy(&child.stderr).lines().next().unwrap().to_owned();
    let visit = ",
    );
    let child = project.run().success();
    assert!(child.stdout.starts_with("Bob, musl libc ("), "{child:?}");
    let shell = project
        .kt(["exec", "--", "sh", "-c", "echo in $PWD"])
        .success();
    shell.prints("in ");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_without_any_file_runs_with_this_machines_glibc() {
    runs_with_own_libraries(&Namespace::new(), &image::scratch());
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn libraries_of_the_image_are_loaded_beside_this_machines_glibc() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::old_glibc());
    project.edit(
        "src/main.rs",
        "    format!(\"hello {name}, visit {visit}\")",
        "    format!(\"{name}, visit {visit}, {}\", zlib())",
    );
    // As `libcuda.so.1` is loaded: the image has it, and this machine does not send it.
    project.append(
        "src/main.rs",
        r#"
fn zlib() -> String {
    use std::ffi::{CStr, c_char, c_int, c_void};
    unsafe extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
        fn dlerror() -> *const c_char;
    }
    // SAFETY: the arguments are strings, and zlibVersion returns a static one.
    unsafe {
        let library = dlopen(c"libz.so.1".as_ptr(), 2);
        if library.is_null() {
            return CStr::from_ptr(dlerror()).to_string_lossy().into_owned();
        }
        let version: extern "C" fn() -> *const c_char =
            std::mem::transmute(dlsym(library, c"zlibVersion".as_ptr()));
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let of_image = maps.lines().any(|line| line.contains(" /usr/lib/") && line.contains("/libz.so"));
        format!("zlib {} of the image: {of_image}", CStr::from_ptr(version()).to_string_lossy())
    }
}
"#,
    );
    // Debian 11 has 1.2.11.
    let output = project.run().success();
    assert_eq!(
        output.stdout, "Alice, visit 1, zlib 1.2.11 of the image: true\n",
        "{output:?}"
    );
}

/// A project in an image with an older glibc, linked for it. zig is the one that `cluster env`
/// exports, or PATH's.
fn project(namespace: &Namespace, fixture: Fixture) -> Project {
    let mut project = namespace.project(fixture, &image::old_glibc());
    if let Ok(zig) = env::var("KT_TEST_ZIG") {
        project.environment("KT_ZIG", zig);
    }
    project.environment("KT_GLIBC", "2.31");
    project
}

/// Stops the one running service.
fn down(project: &Project) {
    let services = project.services();
    assert_eq!(services.len(), 1, "{services:#?}");
    let name = services[0]["name"].as_str().expect("a service has a name");
    project.kt(["down", name]).success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn glibc_option_links_for_the_images_own() {
    let namespace = Namespace::new();
    let project = project(&namespace, Fixture::ONE);
    return_facts(&project);
    let starts_with = |output: &Output, start: &str| {
        assert!(output.stdout.starts_with(start), "{output:?}");
    };
    let first = project.run().success();
    starts_with(
        &first,
        "Alice, visit 1, glibc 2.31 own=false Err(NotPresent)",
    );
    project.edit("src/main.rs", "{name}, visit", "Bob, {name}, visit");
    let second = project.run().success();
    starts_with(&second, "Bob, Alice, visit 2");
    // The same objects run on this machine.
    down(&project);
    let here = project.kt(["run", "--place", "local"]).success();
    starts_with(&here, "Bob, Alice, visit 1");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn too_new_glibc_option_is_refused_before_sending() {
    let namespace = Namespace::new();
    let project = project(&namespace, Fixture::ONE);
    let refused = project.kt(["run", "--glibc", "2.35"]);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("the image has 2.31; nothing was sent"),
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
    let project = namespace.project(Fixture::ONE, &image::old_glibc());
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
    return_facts(&project);
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
