//! Registries in crates outside the workspace.

use std::process::Command;

use tests::{Fixture, Project};

use crate::{PARTS, same_answers};

/// Creates a git repository of one package beside the project, and makes the program depend on it.
fn depend_on(project: &Project, name: &str, manifest: &str, lib: &str) {
    let root = project.private().join(name);
    std::fs::create_dir_all(root.join("src")).expect("/tmp can be written");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{manifest}"
    );
    std::fs::write(root.join("Cargo.toml"), manifest).expect("/tmp can be written");
    std::fs::write(root.join("src/lib.rs"), lib).expect("/tmp can be written");
    for arguments in [
        &["init", "-q"][..],
        &["add", "."],
        &["commit", "-qm", "all"],
    ] {
        let status = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
            .args(arguments)
            .current_dir(&root)
            .status();
        assert!(status.expect("git runs").success(), "git {arguments:?}");
    }
    let url = format!("file://{}", root.display());
    project.edit(
        "app/Cargo.toml",
        "[dependencies]\n",
        &format!("[dependencies]\n{name} = {{ git = \"{url}\" }}\n"),
    );
}

#[test]
fn third_party_registry_follows_edits() {
    let project = Project::of(Fixture::REGISTRIES);
    depend_on(
        &project,
        "outside",
        "inventory = \"0.3\"\nserde = \"1\"\nserde_json = \"1\"\ntypetag = \"0.2\"\n",
        "pub struct Route { pub path: &'static str, pub serve: fn() -> String }\n\
         inventory::collect!(Route);\n\
         inventory::submit! { Route { path: \"/own\", serve: || \"own\".into() } }\n\
         #[typetag::serde]\npub trait Job { fn work(&self) -> String; }\n\
         pub fn all() -> Vec<String> {\n\
             let all = inventory::iter::<Route>.into_iter();\n\
             let mut all: Vec<_> = all.map(|it| format!(\"{} {}\", it.path, (it.serve)())).collect();\n\
             all.sort();\n\
             all\n\
         }\n\
         pub fn work(json: &str) -> String {\n\
             serde_json::from_str::<Box<dyn Job>>(json).map_or_else(|error| error.to_string(), |job| job.work())\n\
         }\n",
    );
    project.write(
        PARTS,
        "inventory::submit! { outside::Route { path: \"/app\", serve: || \"app 1\".into() } }\n\n\
         #[derive(serde::Serialize, serde::Deserialize)]\nstruct Mine;\n\n\
         #[typetag::serde]\nimpl outside::Job for Mine {\n    fn work(&self) -> String {\n        \"work 1\".into()\n    }\n}\n",
    );
    project.edit(
        "app/src/main.rs",
        "let mut all = plugs::all();",
        "let mut all = plugs::all();\n    all.extend(outside::all());\n    all.push(outside::work(\"{\\\"Mine\\\": null}\"));",
    );
    let first = same_answers(&project, &[]);
    assert!(
        first.contains("/app app 1") && first.contains("/own own") && first.contains("work 1"),
        "{first}"
    );

    project.edit(PARTS, "app 1", "app 2");
    project.edit(PARTS, "work 1", "work 2");
    let edited = same_answers(&project, &[]);
    assert!(
        edited.contains("/app app 2") && edited.contains("work 2"),
        "{edited}"
    );

    project.append(
        PARTS,
        "inventory::submit! { outside::Route { path: \"/more\", serve: || \"more\".into() } }\n",
    );
    same_answers(&project, &[]);

    project.edit(PARTS, "app 2", "app 1");
    project.edit(PARTS, "work 2", "work 1");
    same_answers(&project, &[]);
}

/// A third-party crate that keeps the first registered value, as loggers do.
const KEEPS_FIRST: &str = "use std::sync::OnceLock;\n\
    static GIVEN: OnceLock<fn() -> String> = OnceLock::new();\n\
    pub fn give(it: fn() -> String) { let _ = GIVEN.set(it); }\n\
    pub fn given() -> String { GIVEN.get().map_or_else(String::new, |it| it()) }\n";

#[test]
fn registration_that_cannot_be_replaced_is_reported() {
    let project = Project::of(Fixture::REGISTRIES);
    depend_on(&project, "logging", "", KEEPS_FIRST);
    project.edit(
        PARTS,
        "plugs::hook(|| \"hook 1 of app\".into());",
        "logging::give(|| \"1\".into());",
    );
    project.edit(
        "app/src/main.rs",
        "let mut all = plugs::all();",
        "let mut all = plugs::all();\n    all.push(logging::given());",
    );
    let first = project.kt(["run"]).success();
    assert!(
        !first.stderr.contains("keeps its former registrations"),
        "{first:?}"
    );
    project.edit(PARTS, "\"1\".into()", "\"2\".into()");
    project.kt(["run"]).success().says(
        "`app` runs code when it is loaded, and ran it again: it can reach static `logging::GIVEN` of `logging`",
    );
}

#[test]
fn load_time_code_without_registrations_prints_no_note() {
    let project = Project::of(Fixture::REGISTRIES);
    project.write(
        PARTS,
        "#[ctor::ctor(unsafe)]\nfn start() {\n    println!(\"loaded {}\", std::env::args().count());\n    unsafe { std::env::set_var(\"STARTED\", \"1\") };\n}\n",
    );
    project.kt(["run"]).success();
    project.edit(PARTS, "\"loaded {}\"", "\"loaded once more {}\"");
    let edited = project.kt(["run"]).success();
    assert!(!edited.stderr.contains("note"), "{edited:?}");
    assert!(!edited.stderr.contains("warning"), "{edited:?}");
    assert!(!edited.stderr.contains("Linking plugs"), "{edited:?}");
}
