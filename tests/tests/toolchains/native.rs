//! Libraries of C code: those that a build script makes or names, and those that the configuration
//! names in its place.

use tests::{Fixture, Project};

use crate::settings::{printing, prints_as_under_cargo};

/// Functions of a build script: `library(file, function, value)` compiles a shared library into
/// `OUT_DIR`, or into the directory that is given.
const COMPILE: &str = r#"
fn library(directory: &std::path::Path, file: &str, function: &str, value: u32) {
    let source = directory.join(format!("{function}.c"));
    std::fs::write(&source, format!("int {function}(void) {{ return {value}; }}")).unwrap();
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC"]).arg(format!("-Wl,-soname,{file}"));
    cc.arg("-o").arg(directory.join(file)).arg(&source);
    assert!(cc.status().unwrap().success());
}
"#;

/// `opened(library, function)` calls a function of a library that is found by its name.
const OPEN: &str = r#"
use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn opened(library: &CStr, function: &CStr) -> String {
    let library = unsafe { dlopen(library.as_ptr(), 2) };
    if library.is_null() {
        return "not found".to_owned();
    }
    let function = unsafe { dlsym(library, function.as_ptr()) };
    let function: extern "C" fn() -> c_int = unsafe { std::mem::transmute(function) };
    function().to_string()
}
"#;

#[test]
fn libraries_that_a_build_script_makes_are_found_by_name() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "build.rs",
        &format!(
            "{COMPILE}
fn main() {{
    let out = std::path::PathBuf::from(std::env::var(\"OUT_DIR\").unwrap());
    library(&out, \"libnamed.so\", \"named\", 1);
    println!(\"cargo::rustc-link-search=native={{}}\", out.display());
    // As scripts do for Windows: beside the executable.
    let profile = out.ancestors().nth(3).unwrap();
    library(profile, \"libbeside.so\", \"beside\", 2);
    println!(\"cargo::rerun-if-changed=build.rs\");
}}
"
        ),
    );
    let expression =
        "[opened(c\"libnamed.so\", c\"named\"), opened(c\"libbeside.so\", c\"beside\")].concat()";
    project.write("src/main.rs", &format!("{OPEN}{}", printing(expression)));
    prints_as_under_cargo(&project, "12 12");
}

/// A process keeps the shared libraries that it has loaded, so kt needs another one.
#[test]
fn edited_c_code_of_shared_libraries_runs_in_a_new_worker() {
    let project = Project::of(Fixture::ONE);
    let write = |linked: u32, opened: u32| {
        project.write(
            "build.rs",
            &format!(
                "{COMPILE}
fn main() {{
    let out = std::path::PathBuf::from(std::env::var(\"OUT_DIR\").unwrap());
    library(&out, \"liblinked.so\", \"linked\", {linked});
    library(&out, \"libopened.so\", \"opened\", {opened});
    println!(\"cargo::rustc-link-search=native={{}}\", out.display());
    println!(\"cargo::rustc-link-lib=dylib=linked\");
    println!(\"cargo::rerun-if-changed=build.rs\");
}}
"
            ),
        );
    };
    let expression = "format!(\"{}{}\", linked(), opened(c\"libopened.so\", c\"opened\"))";
    let declared = "unsafe extern \"C\" { safe fn linked() -> i32; }\n";
    project.write(
        "src/main.rs",
        &format!("{OPEN}{declared}{}", printing(expression)),
    );
    for (linked, opened, expected) in [(1, 1, "11 11"), (2, 1, "21 21"), (2, 3, "23 23")] {
        write(linked, opened);
        prints_as_under_cargo(&project, expected);
    }
}

#[test]
fn a_library_is_linked_by_the_name_of_its_file() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "build.rs",
        &format!(
            "{COMPILE}
fn main() {{
    let out = std::path::PathBuf::from(std::env::var(\"OUT_DIR\").unwrap());
    library(&out, \"libexact.so.7\", \"exact\", 7);
    library(&out, \"libfound.so\", \"found\", 8);
    println!(\"cargo::rustc-link-search=native={{}}\", out.display());
    println!(\"cargo::rustc-link-lib=dylib:+verbatim=libexact.so.7\");
    println!(\"cargo::rustc-link-lib=dylib=declared:found\");
    println!(\"cargo::rerun-if-changed=build.rs\");
}}
"
        ),
    );
    let declared = "unsafe extern \"C\" {
    fn exact() -> i32;
}

#[link(name = \"declared\")]
unsafe extern \"C\" {
    fn found() -> i32;
}
";
    let expression = "unsafe { format!(\"{}{}\", exact(), found()) }";
    project.write(
        "src/main.rs",
        &format!("{declared}{}", printing(expression)),
    );
    prints_as_under_cargo(&project, "78 78");
}

#[test]
fn the_configuration_replaces_the_results_of_build_scripts() {
    let mut project = Project::of(Fixture::ONE);
    let libraries = project.private().join("libraries");
    std::fs::create_dir(&libraries).unwrap();
    let source = libraries.join("zed.c");
    std::fs::write(&source, "int zed(void) { return 9; }\n").unwrap();
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"])
        .arg(libraries.join("libzed.so"));
    assert!(cc.arg(&source).status().unwrap().success());
    // For plain cargo: it does not record where the library is.
    project.environment("LD_LIBRARY_PATH", libraries.display());

    let never = "fn main() {\n    panic!(\"the configuration replaces this script\");\n}\n";
    project.write(
        "zed/Cargo.toml",
        "[package]\nname = \"zed\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlinks = \"zed\"\n",
    );
    project.write("zed/build.rs", never);
    project.write(
        "zed/src/lib.rs",
        "unsafe extern \"C\" {
    fn zed() -> i32;
}

pub fn answer() -> String {
    format!(\"{}{}\", unsafe { zed() }, env!(\"OF_ZED\"))
}
",
    );
    project.write("build.rs", never);
    let manifest = project.read("Cargo.toml");
    let manifest = manifest.replace("edition", "links = \"one\"\nedition");
    let manifest = manifest.replace("tokio =", "zed = { path = \"zed\" }\ntokio =");
    project.write("Cargo.toml", &manifest);
    project.write(
        ".cargo/config.toml",
        &format!(
            "[target.x86_64-unknown-linux-gnu.zed]
rustc-link-search = [\"native={}\"]
rustc-link-lib = [\"dylib=zed\"]
rustc-env = {{ OF_ZED = \"z\" }}

[target.x86_64-unknown-linux-gnu.one]
rustc-cfg = [\"fast\"]
rustc-check-cfg = [\"cfg(fast)\"]
rustc-env = {{ OF_ONE = \"o\" }}
",
            libraries.display()
        ),
    );
    let expression = "format!(
        \"{}{}{}{}\",
        zed::answer(),
        cfg!(fast),
        std::env::var(\"OF_ONE\").unwrap_or_default(),
        std::env::var(\"OUT_DIR\").is_ok_and(|it| it == env!(\"OUT_DIR\")),
    )";
    project.write("src/main.rs", &printing(expression));
    prints_as_under_cargo(&project, "9ztrueotrue 9ztrueotrue");
}
