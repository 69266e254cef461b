//! Workspaces whose root lies elsewhere than above the package.

use cargo_kt::compile::How;

use crate::fixture::{KT_MAIN, Workspace};

/// `ws/app`, whose workspace is `ws/root`.
fn beside() -> Workspace {
    let mut workspace = Workspace::empty();
    workspace.write("root/Cargo.toml", &root("1.0.0", ""));
    workspace.write("app/Cargo.toml", "[package]\nname = \"app\"\nversion.workspace = true\nedition = \"2024\"\nworkspace = \"../root\"\n[dependencies]\nkt-runtime = { path = \"../../kt-runtime\" }\n");
    workspace.write(
        "app/src/main.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{}} {{}}\", env!(\"CARGO_PKG_VERSION\"), cfg!(debug_assertions)) }}\n"),
    );
    workspace.context.directory = workspace.path("app");
    workspace
}

fn root(version: &str, more: &str) -> String {
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"../app\"]\n[workspace.package]\nversion = \"{version}\"\n{more}"
    )
}

#[test]
fn a_root_beside_the_package_is_watched() {
    let mut workspace = beside();
    let target = workspace.root.parent().unwrap().join("target");
    workspace.set("CARGO_TARGET_DIR", target.as_str());
    assert_eq!(workspace.same(), "1.0.0 true");
    assert_eq!(workspace.build().how, How::Unchanged);
    workspace.write("root/Cargo.toml", &root("2.0.0", ""));
    assert_eq!(workspace.same(), "2.0.0 true");
    workspace.write(
        "root/Cargo.toml",
        &root("2.0.0", "[profile.dev]\ndebug-assertions = false\n"),
    );
    assert_eq!(workspace.same(), "2.0.0 false");
    assert_eq!(workspace.build().how, How::Unchanged);
    // From a directory above both.
    workspace.context.directory.clone_from(&workspace.root);
    workspace.options.manifest_path = Some(workspace.path("app/Cargo.toml"));
    assert_eq!(workspace.same(), "2.0.0 false");
    workspace.write("root/Cargo.toml", &root("3.0.0", ""));
    assert_eq!(workspace.same(), "3.0.0 true");
}

#[test]
fn what_is_known_is_found_in_the_target_directory_of_a_root_beside() {
    let workspace = beside();
    workspace.build();
    assert!(workspace.path("root/target/kt").is_dir());
    assert_eq!(workspace.build().how, How::Unchanged);
}

#[test]
fn the_root_of_a_dependency_outside_is_watched() {
    let workspace = Workspace::app("outside::VERSION");
    let root = |version: &str| {
        format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"../outside\"]\n[workspace.package]\nversion = \"{version}\"\n"
        )
    };
    workspace.write("../lib/root/Cargo.toml", &root("1.0.0"));
    workspace.write("../lib/outside/Cargo.toml", "[package]\nname = \"outside\"\nversion.workspace = true\nedition = \"2024\"\nworkspace = \"../root\"\n");
    workspace.write(
        "../lib/outside/src/lib.rs",
        "pub const VERSION: &str = env!(\"CARGO_PKG_VERSION\");\n",
    );
    workspace.package("app", "kt-runtime = { path = \"../../kt-runtime\" }\noutside = { path = \"../../lib/outside\" }\n");
    assert_eq!(workspace.same(), "1.0.0");
    workspace.write("../lib/root/Cargo.toml", &root("2.0.0"));
    assert_eq!(workspace.same(), "2.0.0");
}

#[test]
fn a_patch_outside_is_watched_with_its_manifest() {
    let workspace = Workspace::app("patched::LEVEL");
    let manifest = std::fs::read_to_string(workspace.path("Cargo.toml")).unwrap();
    workspace.write(
        "Cargo.toml",
        &format!("{manifest}[patch.crates-io]\npatched = {{ path = \"../patched\" }}\n"),
    );
    workspace.package("../patched", "");
    workspace.write(
        "../patched/src/lib.rs",
        "pub const LEVEL: u32 = if cfg!(feature = \"high\") { 2 } else { 1 };\n",
    );
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\npatched = \"0.1\"\n",
    );
    assert_eq!(workspace.same(), "1");
    workspace.write("../patched/Cargo.toml", "[package]\nname = \"patched\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\ndefault = [\"high\"]\nhigh = []\n");
    assert_eq!(workspace.same(), "2");
}

#[test]
fn a_program_that_appears_in_a_directory_of_its_own_calls_cargo() {
    let workspace = Workspace::app("1");
    std::fs::create_dir_all(workspace.path("app/src/bin/more")).unwrap();
    workspace.build();
    workspace.write("app/src/bin/more/main.rs", "fn main() {}\n");
    // As `cargo run`: which of the two is not known.
    workspace.fail();
}

/// A crate below the root that is no member answers after edits of it, of a module of it, and of what includes a file.
fn assert_not_a_member_is_followed(workspace: &Workspace, directory: &str) {
    let source = |level: u32| {
        format!(
            "mod inner;\npub const LEVEL: (u32, u32, &str) = ({level}, inner::LEVEL, include_str!(\"text\"));\n"
        )
    };
    let file = |path: &str| format!("{directory}/src/{path}");
    workspace.write(&file("lib.rs"), &source(1));
    workspace.write(&file("inner.rs"), "pub const LEVEL: u32 = 1;\n");
    workspace.write(&file("text"), "one");
    assert_eq!(workspace.same(), "(1, 1, \"one\")");
    assert_eq!(workspace.build().how, How::Unchanged);
    workspace.write(&file("lib.rs"), &source(2));
    assert_eq!(workspace.same(), "(2, 1, \"one\")");
    workspace.write(&file("inner.rs"), "pub const LEVEL: u32 = 2;\n");
    assert_eq!(workspace.same(), "(2, 2, \"one\")");
    workspace.write(&file("text"), "two");
    assert_eq!(workspace.same(), "(2, 2, \"two\")");
    assert_eq!(workspace.build().how, How::Unchanged);
}

#[test]
fn a_dependency_in_a_folder_of_a_package_without_a_workspace_is_followed() {
    let workspace = Workspace::empty();
    workspace.write(
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nkt-runtime = { path = \"../kt-runtime\" }\npart = { path = \"parts/part\" }\n",
    );
    workspace.write(
        "src/main.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{:?}}\", part::LEVEL) }}\n"),
    );
    workspace.package("parts/part", "");
    assert_not_a_member_is_followed(&workspace, "parts/part");
}

#[test]
fn a_dependency_below_the_root_that_is_excluded_from_the_workspace_is_followed() {
    let workspace = Workspace::app("format!(\"{:?}\", part::LEVEL)");
    let manifest = std::fs::read_to_string(workspace.path("Cargo.toml")).unwrap();
    let excluding = manifest.replace("[workspace]\n", "[workspace]\nexclude = [\"parts\"]\n");
    workspace.write("Cargo.toml", &excluding);
    workspace.package("parts/part", "");
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\npart = { path = \"../parts/part\" }\n",
    );
    assert_not_a_member_is_followed(&workspace, "parts/part");
}

#[test]
fn a_patch_below_the_root_is_followed() {
    let workspace = Workspace::app("format!(\"{:?}\", patched::LEVEL)");
    let manifest = std::fs::read_to_string(workspace.path("Cargo.toml")).unwrap();
    workspace.write(
        "Cargo.toml",
        &format!("{manifest}[patch.crates-io]\npatched = {{ path = \"vendored/patched\" }}\n"),
    );
    workspace.package("vendored/patched", "");
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\npatched = \"0.1\"\n",
    );
    assert_not_a_member_is_followed(&workspace, "vendored/patched");
}

#[test]
fn a_root_module_below_the_workspace_of_a_package_that_is_not_is_followed() {
    let workspace = Workspace::app("format!(\"{:?}\", outside::LEVEL)");
    workspace.write("../outside/Cargo.toml", "[package]\nname = \"outside\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\npath = \"../ws/shared/src/lib.rs\"\n");
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\noutside = { path = \"../../outside\" }\n",
    );
    assert_not_a_member_is_followed(&workspace, "shared");
}
