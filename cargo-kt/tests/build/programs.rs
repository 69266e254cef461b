//! *plan*: the program that is selected, and the errors if none is.

use cargo_kt::artifacts::HotCrate;
use cargo_kt::plan::{Notice, PlanError, plan};

use crate::fixture::{KT_MAIN, Workspace};

fn refusal(workspace: &Workspace) -> PlanError {
    plan(&workspace.options, &workspace.context).expect_err("this must not be planned")
}

fn planned(workspace: &Workspace) -> String {
    let plan = plan(&workspace.options, &workspace.context).unwrap();
    format!(
        "{} {} of {}",
        plan.program.kind.as_str(),
        plan.program.name,
        plan.program_package().name
    )
}

fn with_two_bins() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("app/src/bin/other.rs", "fn main() {}\n");
    workspace
}

#[test]
fn only_bin_is_selected() {
    assert_eq!(planned(&Workspace::new()), "bin app of app");
}

#[test]
fn several_bins_require_a_name() {
    let mut workspace = with_two_bins();
    let error = refusal(&workspace).to_string();
    assert!(error.ends_with("available binaries: app, other"), "{error}");
    workspace.options.bin = Some("other".to_owned());
    assert_eq!(planned(&workspace), "bin other of app");
    workspace.options.bin = Some("othr".to_owned());
    let error = refusal(&workspace).to_string();
    assert_eq!(
        error,
        "no bin target named `othr` in default-run packages\n\nhelp: a target with a similar name exists: `other`"
    );
}

#[test]
fn default_run_selects_a_bin() {
    let workspace = with_two_bins();
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write(
        "app/Cargo.toml",
        &manifest.replacen("edition", "default-run = \"other\"\nedition", 1),
    );
    assert_eq!(planned(&workspace), "bin other of app");
}

#[test]
fn directory_of_a_member_selects_its_program() {
    let mut workspace = with_two_bins();
    workspace.package(
        "leaf",
        "deep = { path = \"../deep\" }\nkt-runtime = { path = \"../../kt-runtime\" }\n",
    );
    workspace.write("leaf/src/main.rs", "fn main() {}\n");
    workspace.context.directory = workspace.path("leaf");
    assert_eq!(planned(&workspace), "bin leaf of leaf");
    workspace.context.directory = workspace.path("deep");
    assert!(matches!(refusal(&workspace), PlanError::NoBinTarget));
    workspace.options.package = Some("leaf@0.1.0".to_owned());
    assert_eq!(planned(&workspace), "bin leaf of leaf");
    workspace.options.package = Some("laef".to_owned());
    let error = refusal(&workspace).to_string();
    assert!(
        error.contains("package(s) `laef` not found in workspace") && error.contains("`leaf`"),
        "{error}"
    );
}

#[test]
fn package_id_specifications_are_those_of_cargo() {
    let mut workspace = Workspace::new();
    let url = format!("file://{}/app", workspace.root);
    let specs = [
        "app".to_owned(),
        "app@0.1".to_owned(),
        "app:0.1.0".to_owned(),
        "app@0.2.0".to_owned(),
        url.clone(),
        format!("path+{url}"),
        format!("{url}#0.1.0"),
        format!("{url}#0.2.0"),
        format!("{url}#app"),
        format!("{url}#leaf"),
        format!("path+{url}#app@0.1.0"),
        format!("{url}#app@0.1"),
        format!("file://{}", workspace.root),
    ];
    for spec in specs {
        let mut cargo = workspace.context.command("cargo".into());
        cargo.args(["build", "--quiet", "--offline", "--package", &spec]);
        let is_found = cargo.output().unwrap().status.success();
        workspace.options.package = Some(spec.clone());
        let planned = plan(&workspace.options, &workspace.context);
        assert_eq!(planned.is_ok(), is_found, "{spec}: {planned:?}");
    }
}

#[test]
fn example_of_any_member_is_found_and_a_library_example_rejected() {
    let mut workspace = Workspace::new();
    workspace.write("app/examples/demo.rs", "fn main() {}\n");
    workspace.options.example = Some("demo".to_owned());
    assert_eq!(planned(&workspace), "example demo of app");
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write(
        "app/Cargo.toml",
        &format!("{manifest}[[example]]\nname = \"demo\"\ncrate-type = [\"lib\"]\n"),
    );
    assert!(matches!(
        refusal(&workspace),
        PlanError::ExampleIsLibrary { .. }
    ));
}

#[test]
fn runtime_must_be_a_dependency_of_the_same_version() {
    let workspace = Workspace::new();
    workspace.package("app", "leaf = { path = \"../leaf\" }\n");
    let error = refusal(&workspace).to_string();
    assert!(
        error.contains("cargo add kt-runtime --package app"),
        "{error}"
    );
    let workspace = Workspace::new();
    let manifest = std::fs::read_to_string(workspace.path("../kt-runtime/Cargo.toml")).unwrap();
    workspace.write(
        "../kt-runtime/Cargo.toml",
        &manifest.replace(env!("CARGO_PKG_VERSION"), "99.0.0"),
    );
    assert!(
        matches!(refusal(&workspace), PlanError::RuntimeVersion { found, .. } if found == "99.0.0")
    );
}

#[test]
fn missing_project_and_unsupported_target_are_errors() {
    let mut workspace = Workspace::new();
    workspace.options.target = Some("x86_64-unknown-linux-musl".to_owned());
    assert!(matches!(
        refusal(&workspace),
        PlanError::ForeignTarget { .. }
    ));
    workspace.options.target = None;
    workspace.set("CARGO", "/nonexistent/cargo");
    assert!(matches!(
        refusal(&workspace),
        PlanError::CargoMissing { .. }
    ));
    workspace.context.directory = workspace.root.parent().unwrap().to_owned();
    assert!(matches!(refusal(&workspace), PlanError::NotAProject { .. }));
}

#[test]
fn overridden_settings_are_reported() {
    let mut workspace = Workspace::new();
    let manifest = std::fs::read_to_string(workspace.path("Cargo.toml")).unwrap();
    workspace.write(
        "Cargo.toml",
        &format!("{manifest}[profile.dev]\npanic = \"abort\"\nstrip = false\n[profile.fast]\ninherits = \"dev\"\n[profile.dev.package.\"*\"]\nsplit-debuginfo = \"packed\"\n"),
    );
    workspace.write(
        ".cargo/config.toml",
        "[profile.fast]\nlto = \"fat\"\n[profile.fast.package.leaf]\nsplit-debuginfo = \"unpacked\"\n",
    );
    workspace.set("CARGO_PROFILE_DEV_DEBUG", "0");
    workspace.options.profile = Some("fast".to_owned());
    let plan = plan(&workspace.options, &workspace.context).unwrap();
    let mut replaced = Vec::new();
    for notice in &plan.notices {
        match notice {
            Notice::ProfileSetting { key, found, .. } => replaced.push(format!("{key} = {found}")),
            other => replaced.push(other.to_string()),
        }
    }
    replaced.sort();
    assert_eq!(
        replaced,
        [
            "debug = 0",
            "lto = \"fat\"",
            "package.*.split-debuginfo = \"packed\"",
            "package.leaf.split-debuginfo = \"unpacked\"",
            "panic = \"abort\""
        ]
    );
    workspace.write("app/src/main.rs", &format!("{KT_MAIN}fn main() {{}}\n"));
    let built = workspace.build();
    let of_crate = |hot: &HotCrate| hot.invocation.as_ref().unwrap().arguments.join(" ");
    for hot in &built.compiled.hot {
        let arguments = of_crate(hot);
        assert!(!arguments.contains("packed"), "{arguments}");
    }
    let arguments = of_crate(&built.compiled.hot[2]);
    assert!(
        arguments.contains("debuginfo=line-tables-only") && arguments.contains("/fast/deps"),
        "{arguments}"
    );
    assert!(
        !arguments.contains("panic=abort") && !arguments.contains("lto=fat"),
        "{arguments}"
    );
}
