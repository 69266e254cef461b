//! Registries that one crate declares and others fill when they are loaded: after each edit they
//! hold what a new process would hold. Every answer is compared with plain `cargo run`.

mod outside;

use tests::{Fixture, Project};

const PARTS: &str = "app/src/parts.rs";

/// Runs the program under kt and under plain cargo, checks that both print the same, and returns
/// it.
#[track_caller]
fn same_answers(project: &Project, profile: &[&str]) -> String {
    let kt = ["run", "--quiet"]
        .into_iter()
        .chain(profile.iter().copied());
    let kt = project.kt(kt).success().stdout;
    let plain = ["run", "--quiet"]
        .into_iter()
        .chain(profile.iter().copied());
    let plain = project.plain_cargo(plain).success().stdout;
    assert_eq!(kt, plain);
    kt
}

/// The value of `plugs::CALLS`, which counts the calls of `look`.
#[track_caller]
fn calls(project: &Project) -> String {
    let output = project.kt(["state", "get", "CALLS"]).success();
    output.stdout.trim().to_owned()
}

/// Edits a registering crate, and reverts the edits.
fn follow_the_edits(project: &Project, profile: &[&str]) {
    let first = same_answers(project, profile);
    assert!(first.contains("double=6"), "{first}");
    let original = project.read(PARTS);

    project.edit(PARTS, "n * 2", "n * 20");
    project.edit(PARTS, "3.0 * self.r", "30.0 * self.r");
    project.edit(PARTS, "hook 1 of app", "hook 2 of app");
    let edited = same_answers(project, profile);
    assert!(edited.contains("double=60"), "{edited}");

    // A new module, with a new type and another registration of each kind.
    project.edit(
        PARTS,
        "inventory::submit! {",
        "mod square;\n\ninventory::submit! {",
    );
    project.write(
        "app/src/parts/square.rs",
        "inventory::submit! { plugs::Plugin { name: \"square\", run: |n| n * n } }\n\n\
         #[derive(serde::Serialize, serde::Deserialize)]\nstruct Square {\n    r: f64,\n}\n\n\
         #[typetag::serde]\nimpl plugs::Shape for Square {\n    fn area(&self) -> f64 {\n        self.r * self.r\n    }\n}\n",
    );
    let more = same_answers(project, profile);
    assert!(
        more.contains("square=9") && !more.contains("unknown variant"),
        "{more}"
    );

    // Back: the former objects are active again, with their registrations.
    project.write(PARTS, &original);
    assert_eq!(same_answers(project, profile), first);
    assert_eq!(calls(project), "4", "the state of the registry's crate");
}

#[test]
fn edited_registrations_replace_the_old_ones() {
    follow_the_edits(&Project::of(Fixture::REGISTRIES), &[]);
}

#[test]
fn edited_registrations_replace_the_old_ones_in_release() {
    follow_the_edits(&Project::of(Fixture::REGISTRIES_RELEASE), &["--release"]);
}

#[test]
fn registrations_missing_in_the_worker_are_reported() {
    let project = Project::of(Fixture::REGISTRIES);
    project.append(
        "plugs/src/lib.rs",
        "\n#[kt::remote]\npub fn look() -> Vec<String> {\n    all()\n}\n",
    );
    let program = "mod parts;\n\n#[tokio::main]\nasync fn main() -> Result<(), kt::Error> {\n    \
                   more::needed();\n    println!(\"{:#?}\", plugs::look().await?);\n    Ok(())\n}\n";
    project.write("app/src/main.rs", program);
    project
        .run()
        .success()
        .says("the worker does not run what `app` registers before `main`")
        .says("help: ");

    // Apply the help.
    let remote = "#[kt::remote]\npub fn here() {}\n\n#[tokio::main]";
    let marked = program.replace("#[tokio::main]", remote);
    project.write("app/src/main.rs", &marked);
    project
        .run()
        .success()
        .does_not_report("the worker does not run what");
    let answers = same_answers(&project, &[]);
    assert!(answers.contains("double=6"), "{answers}");
}

#[test]
fn unedited_crate_registers_once() {
    let project = Project::of(Fixture::REGISTRIES);
    same_answers(&project, &[]);
    // The crate in between is edited, the program is not.
    project.edit("more/src/lib.rs", "n + 1", "n + 10");
    project.edit("more/src/lib.rs", "hook of more", "new hook of more");
    let edited = same_answers(&project, &[]);
    assert!(edited.contains("more=13"), "{edited}");
    // No registering crate is edited: only the program's object is loaded.
    project.edit(
        "app/src/main.rs",
        "for kind in",
        "let _ = 5;\n    for kind in",
    );
    same_answers(&project, &[]);
}
