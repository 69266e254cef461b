//! The README's example. After a change of it or of what the terminal shows, `KT_WRITE_DOCS=1 cargo
//! test -p tests --test docs example` records `docs/recording.svg` again.

use std::{fs, process::Command};

use tests::{Fixture, Project, checkout};

use crate::recording::Recording;

/// What the recording edits between its two runs.
const EDIT: &str = "sed -i s/Visitors/Guests/ src/main.rs";

#[test]
fn the_readme_example_runs_and_keeps_its_state() {
    let mut project = Project::of(Fixture::ONE);
    let readme = fs::read_to_string(checkout().join("README.md")).expect("the page can be read");
    let (_, example) = readme.split_once("```rust\n").expect("it has an example");
    let (example, _) = example.split_once("```").expect("the example ends");
    project.edit("Cargo.toml", "name = \"one\"", "name = \"app\"");
    project.write("src/main.rs", example);
    let plain = project.plain_cargo(["run", "--quiet"]).success();
    assert_eq!(plain.stdout, "Visitors: Alice\n");

    let recorded = std::env::var_os("KT_WRITE_DOCS").is_some();
    if !recorded {
        project
            .run_with("Alice")
            .success()
            .prints("Visitors: Alice");
        project.edit("src/main.rs", "Visitors", "Guests");
        project
            .run_with("Bob")
            .success()
            .prints("Guests: Alice, Bob");
        return;
    }
    project.environment("CARGO_TERM_COLOR", "always");
    let mut recording = Recording::of(project.root());
    for line in ["cargo kt run -- Alice", EDIT, "cargo kt run -- Bob"] {
        let environment = project.cargo();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{line} 2>&1")])
            .current_dir(project.root());
        for (name, value) in environment.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        recording.run(line, command);
    }
    let text = recording.text();
    assert!(text.contains("\nVisitors: Alice\n"), "{text}");
    assert!(text.contains("\nGuests: Alice, Bob\n"), "{text}");
    fs::write(checkout().join("docs/recording.svg"), recording.svg())
        .expect("docs/ can be written");
}
