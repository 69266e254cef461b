//! Variables that code asks for with `env!`: from the shell, from `[env]` of cargo's configuration, from `--config`.

use crate::fixture::{KT_MAIN, Workspace};

fn app(name: &str) -> Workspace {
    Workspace::app(&format!("option_env!({name:?}).unwrap_or(\"none\")"))
}

/// Changes the program without changing what it prints.
fn edit(workspace: &Workspace) {
    let source = std::fs::read_to_string(workspace.path("app/src/main.rs")).unwrap();
    workspace.write("app/src/main.rs", &format!("{source}// edited\n"));
}

#[test]
fn a_value_after_config_is_of_that_build_alone() {
    let mut workspace = app("EXTRA");
    workspace.write(".cargo/config.toml", "[env]\nEXTRA = \"two\"\n");
    assert_eq!(workspace.same(), "two");
    for _ in 0..2 {
        workspace.options.config = vec!["env.EXTRA=\"three\"".to_owned()];
        assert_eq!(workspace.same(), "three");
        workspace.options.config.clear();
        assert_eq!(workspace.same(), "two");
        edit(&workspace);
        assert_eq!(workspace.same(), "two");
    }
}

#[test]
fn an_edit_is_never_compiled_with_the_values_of_another_build() {
    let mut workspace = app("EXTRA");
    workspace.write(".cargo/config.toml", "[env]\nEXTRA = \"two\"\n");
    workspace.kt();
    workspace.options.config = vec!["env.EXTRA=\"three\"".to_owned()];
    workspace.kt();
    workspace.options.config.clear();
    edit(&workspace);
    assert_eq!(workspace.same(), "two");
}

#[test]
fn a_crate_outside_the_workspace_has_them_too() {
    let mut workspace = Workspace::app("outside::EXTRA.unwrap_or(\"none\")");
    workspace.package("../outside", "");
    workspace.write(
        "../outside/src/lib.rs",
        "pub const EXTRA: Option<&str> = option_env!(\"EXTRA\");\n",
    );
    workspace.package(
        "app",
        "kt-runtime = { path = \"../../kt-runtime\" }\noutside = { path = \"../../outside\" }\n",
    );
    workspace.write(".cargo/config.toml", "[env]\nEXTRA = \"two\"\n");
    for _ in 0..2 {
        assert_eq!(workspace.same(), "two");
        workspace.options.config = vec!["env.EXTRA=\"three\"".to_owned()];
        assert_eq!(workspace.same(), "three");
        workspace.options.config.clear();
    }
    workspace.set("EXTRA", "shell");
    assert_eq!(workspace.same(), "shell");
    workspace.unset("EXTRA");
    assert_eq!(workspace.same(), "two");
}

#[test]
fn the_shell_outranks_the_configuration_unless_forced() {
    let mut workspace = app("FLAVOR");
    workspace.write(".cargo/config.toml", "[env]\nFLAVOR = \"vanilla\"\n");
    assert_eq!(workspace.same(), "vanilla");
    workspace.set("FLAVOR", "chocolate");
    assert_eq!(workspace.same(), "chocolate");
    edit(&workspace);
    assert_eq!(workspace.same(), "chocolate");
    workspace.unset("FLAVOR");
    assert_eq!(workspace.same(), "vanilla");
    workspace.set("FLAVOR", "");
    assert_eq!(workspace.same(), "");
    let forced = "[env]\nFLAVOR = { value = \"forced\", force = true }\n";
    workspace.write(".cargo/config.toml", forced);
    assert_eq!(workspace.same(), "forced");
    workspace.set("FLAVOR", "chocolate");
    assert_eq!(workspace.same(), "forced");
}

#[test]
fn a_variable_that_an_edit_asks_for_has_the_value_of_the_shell() {
    let mut workspace = app("OTHER");
    workspace.write(".cargo/config.toml", "[env]\nFLAVOR = \"vanilla\"\n");
    assert_eq!(workspace.same(), "none");
    workspace.set("FLAVOR", "chocolate");
    workspace.program("env!(\"FLAVOR\")");
    assert_eq!(workspace.same(), "chocolate");
}

#[test]
fn a_relative_value_is_relative_to_its_configuration() {
    let mut workspace = app("PLACE");
    let relative = "[env]\nPLACE = { value = \"data\", relative = true }\n";
    workspace.write(".cargo/config.toml", relative);
    workspace.write("sub/.cargo/config.toml", relative);
    assert_eq!(workspace.same(), workspace.path("data").as_str());
    let root = workspace.root.clone();
    let manifest = workspace.path("Cargo.toml");
    for _ in 0..2 {
        workspace.context.directory = root.join("sub");
        workspace.options.manifest_path = Some(manifest.clone());
        assert_eq!(workspace.same(), root.join("sub/data").as_str());
        workspace.context.directory.clone_from(&root);
        workspace.options.manifest_path = None;
        assert_eq!(workspace.same(), root.join("data").as_str());
    }
}

#[test]
fn another_directorys_configuration_is_of_builds_there() {
    let mut workspace = app("EXTRA");
    workspace.write(".cargo/config.toml", "[env]\nEXTRA = \"root\"\n");
    workspace.write("sub/.cargo/config.toml", "[env]\nEXTRA = \"sub\"\n");
    let root = workspace.root.clone();
    for _ in 0..2 {
        assert_eq!(workspace.same(), "root");
        edit(&workspace);
        assert_eq!(workspace.same(), "root");
        workspace.context.directory = root.join("sub");
        assert_eq!(workspace.same(), "sub");
        workspace.context.directory.clone_from(&root);
    }
}

#[test]
fn flags_of_another_build_do_not_stay() {
    let mut workspace = Workspace::app("if cfg!(special) { \"special\" } else { \"plain\" }");
    assert_eq!(workspace.same(), "plain");
    let special = "build.rustflags=[\"--cfg\", \"special\"]".to_owned();
    workspace.options.config = vec![special];
    assert_eq!(workspace.same(), "special");
    workspace.options.config.clear();
    edit(&workspace);
    assert_eq!(workspace.same(), "plain");
}

#[test]
fn a_variable_of_the_users_own_may_begin_with_kt() {
    let mut workspace = app("KT_FLAVOR");
    assert_eq!(workspace.same(), "none");
    for value in ["one", "two"] {
        workspace.set("KT_FLAVOR", value);
        assert_eq!(workspace.same(), value);
        edit(&workspace);
        assert_eq!(workspace.same(), value);
    }
    workspace.unset("KT_FLAVOR");
    assert_eq!(workspace.same(), "none");
}

#[test]
fn a_file_after_config_and_what_it_includes_are_watched() {
    let mut workspace = app("EXTRA");
    workspace.write("extra/one.toml", "include = [\"two.toml\"]\n");
    workspace.write("extra/two.toml", "[env]\nEXTRA = \"first\"\n");
    workspace.options.config = vec!["extra/one.toml".to_owned()];
    assert_eq!(workspace.same(), "first");
    workspace.write("extra/two.toml", "[env]\nEXTRA = \"second\"\n");
    assert_eq!(workspace.same(), "second");
    workspace.write("extra/one.toml", "[env]\nEXTRA = \"third\"\n");
    assert_eq!(workspace.same(), "third");
}

#[test]
fn an_included_file_that_appears_is_seen() {
    let workspace = app("EXTRA");
    workspace.write(
        ".cargo/config.toml",
        "include = [{ path = \"extra.toml\", optional = true }]\n",
    );
    assert_eq!(workspace.same(), "none");
    workspace.write(".cargo/extra.toml", "[env]\nEXTRA = \"there\"\n");
    assert_eq!(workspace.same(), "there");
}

#[test]
fn the_configuration_in_cargos_home_is_watched() {
    let mut workspace = app("EXTRA");
    let home = workspace.root.parent().unwrap().join("home");
    workspace.set("CARGO_HOME", home.as_str());
    assert_eq!(workspace.same(), "none");
    workspace.write("../home/config.toml", "[env]\nEXTRA = \"home\"\n");
    assert_eq!(workspace.same(), "home");
    workspace.write("../home/config.toml", "[env]\nEXTRA = \"changed\"\n");
    assert_eq!(workspace.same(), "changed");
}

#[test]
fn two_programs_with_the_same_crates_need_no_cargo_in_turn() {
    let mut workspace = Workspace::new();
    workspace.write(".cargo/config.toml", "[env]\nEXTRA = \"two\"\n");
    workspace.write(
        "app/src/bin/other.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", leaf::leaf()) }}\n"),
    );
    let build = |workspace: &mut Workspace, bin: &str| {
        workspace.options.bin = Some(bin.to_owned());
        workspace.build().how
    };
    build(&mut workspace, "app");
    build(&mut workspace, "other");
    for _ in 0..2 {
        for bin in ["app", "other"] {
            assert_eq!(
                build(&mut workspace, bin),
                cargo_kt::compile::How::Unchanged
            );
        }
    }
}
