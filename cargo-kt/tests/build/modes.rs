//! How a bin is compiled: as an rlib with items of kt, as an executable without.

use cargo_kt::artifacts::CompiledProgram;
use cargo_kt::compile::BuildError;

use crate::fixture::{Built, KT_MAIN, Workspace, names};

fn is_library(built: &Built) -> bool {
    matches!(built.compiled.program, CompiledProgram::Library)
}

#[test]
fn a_bin_with_items_of_kt_becomes_the_last_hot_crate() {
    let workspace = Workspace::new();
    let built = workspace.build();
    assert!(is_library(&built));
    assert_eq!(names(&built), ["deep", "leaf", "app"]);
    let app = &built.compiled.hot[2];
    assert_eq!(app.dependencies, [0, 1]);
    assert!(app.rlib.is_file(), "{}", app.rlib);
    assert_eq!(app.sources, [workspace.path("app/src/main.rs")]);
    let invocation = app.invocation.as_ref().unwrap();
    assert!(
        invocation
            .environment
            .contains(&("CARGO_PKG_NAME".to_owned(), "app".to_owned()))
    );
    assert!(
        !invocation
            .environment
            .iter()
            .any(|(name, _)| name == "PATH"),
        "what cargo did not set is not recorded"
    );
    let base: Vec<_> = built
        .compiled
        .base
        .iter()
        .map(|base| base.package.as_str())
        .collect();
    assert_eq!(base, ["kt-runtime"]);
}

#[test]
fn a_bin_without_items_of_kt_keeps_its_link_line() {
    let workspace = Workspace::new();
    // Warnings are what differs between crate types: as a library this would fail.
    workspace.write("app/src/main.rs", "#![deny(warnings)]\nfn helper() -> u32 { leaf::leaf() }\nfn main() { println!(\"{}\", helper()) }\n");
    let built = workspace.build();
    let CompiledProgram::Executable { link_line } = &built.compiled.program else {
        panic!("{:?}", built.compiled.program)
    };
    assert!(
        !link_line.objects.is_empty() && link_line.objects.iter().all(|object| object.is_file())
    );
    assert!(
        link_line
            .arguments
            .iter()
            .any(|argument| argument.contains("libleaf-")),
        "{link_line:?}"
    );
    assert_eq!(names(&built), ["deep", "leaf"]);
}

#[test]
fn adding_and_removing_items_of_kt_switches_the_way() {
    let workspace = Workspace::new();
    let plain = "fn main() { println!(\"{}\", leaf::leaf()) }\n";
    for (source, library) in [
        (plain.to_owned(), false),
        (format!("{KT_MAIN}{plain}"), true),
        (plain.to_owned(), false),
    ] {
        workspace.write("app/src/main.rs", &source);
        assert_eq!(is_library(&workspace.build()), library);
    }
}

#[test]
fn lints_that_only_libraries_have_do_not_show() {
    let workspace = Workspace::new();
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write(
        "app/Cargo.toml",
        &format!("{manifest}[[bin]]\nname = \"camelCase\"\npath = \"src/main.rs\"\n"),
    );
    workspace.build();
    for (lints, tail) in [("", ""), ("#![deny(non_snake_case)]", "\n")] {
        let source = format!(
            "{lints}\n{KT_MAIN}fn main() {{ println!(\"{{}}\", leaf::leaf()) }}\n{tail}// {lints}\n"
        );
        workspace.write("app/src/main.rs", &source);
        let (result, heard) = workspace.try_build();
        assert_eq!(heard.diagnostics.into_inner().unwrap(), "");
        assert!(is_library(&result.unwrap()));
    }
}

#[test]
fn an_example_uses_dev_dependencies_and_its_packages_library() {
    let mut workspace = Workspace::new();
    workspace.package("leaf", "deep = { path = \"../deep\" }\n[dev-dependencies]\nkt-runtime = { path = \"../../kt-runtime\" }\n");
    workspace.write(
        "leaf/examples/demo.rs",
        &format!("{KT_MAIN}fn main() {{ kt::kt(); println!(\"{{}}\", leaf::leaf()) }}\n"),
    );
    workspace.options.example = Some("demo".to_owned());
    workspace.options.package = Some("leaf".to_owned());
    let built = workspace.build();
    assert_eq!(names(&built), ["deep", "leaf", "demo"]);
    assert_eq!(built.compiled.hot[2].dependencies, [0, 1]);
}

#[test]
fn a_package_with_lib_and_bin_has_both() {
    let workspace = Workspace::new();
    workspace.write(
        "app/src/lib.rs",
        "pub fn of_lib() -> u32 { leaf::leaf() }\n",
    );
    workspace.write(
        "app/src/main.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", app::of_lib()) }}\n"),
    );
    let built = workspace.build();
    assert_eq!(names(&built), ["deep", "leaf", "app", "app"]);
    assert_eq!(built.compiled.hot[3].dependencies, [0, 1, 2]);
    assert!(built.compiled.hot[3].sources[0].ends_with("main.rs"));
}

#[test]
fn crates_that_are_also_a_cdylib_or_outside_the_workspace_are_hot_too() {
    let workspace = Workspace::new();
    workspace.write("deep/Cargo.toml", "[package]\nname = \"deep\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n");
    workspace.package("../outside", "");
    workspace.write("../outside/src/lib.rs", "pub fn outside() -> u32 { 7 }\n");
    workspace.package("leaf", "deep = { path = \"../deep\" }\nrenamed = { path = \"../../outside\", package = \"outside\" }\n");
    workspace.write(
        "leaf/src/lib.rs",
        "pub fn leaf() -> u32 { deep::deep() + renamed::outside() }\n",
    );
    let built = workspace.build();
    assert_eq!(names(&built), ["deep", "outside", "leaf", "app"]);
    assert_eq!(built.compiled.hot[2].dependencies, [0, 1]);
    let cdylib = built.compiled.hot[0].rlib.with_extension("so");
    assert_eq!(
        std::fs::metadata(cdylib).unwrap().len(),
        0,
        "nobody needs the cdylib linked"
    );
    assert!(built.compiled.hot[1].invocation.is_none());
    assert!(built.compiled.hot[1].sources[0].ends_with("outside/src/lib.rs"));
}

#[test]
fn code_that_does_not_compile_gives_cargos_exit_status() {
    let workspace = Workspace::new();
    let good = workspace.build();
    workspace.write(
        "app/src/main.rs",
        &format!("{KT_MAIN}fn main() {{ nonsense }}\n"),
    );
    assert!(matches!(
        workspace.fail(),
        BuildError::Compile { code: 101 }
    ));
    workspace.write(
        "app/src/main.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", leaf::leaf()) }}\n"),
    );
    assert_eq!(
        workspace.build().compiled.hot[2].sources_hash,
        good.compiled.hot[2].sources_hash
    );
}
