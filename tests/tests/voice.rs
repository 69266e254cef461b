//! The project speaks plain technical English: the words below do not come back, in messages, help texts, names, comments or
//! documentation.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A word or phrase, and what to write in its place.
const FORBIDDEN: &[(&str, &str)] = &[
    ("patience", "timeout"),
    ("told", "reported, notified, received"),
    ("words", "message, arguments, text"),
    ("whoever", "name the actor"),
    ("nobody", "no caller, no process, not … by any …"),
    ("somebody", "another process, another user"),
    ("aside", "detached"),
    ("elsewhere", "name the place"),
    ("twin", "type probe, debug object"),
    ("keeper", "redeployer"),
    ("deed", "operation"),
    ("misfit", "mismatch"),
    ("afresh", "reset, from scratch"),
    ("the way in", "connection, tunnel"),
    ("lives on", "keeps running"),
    ("in vain", "without effect, or name what fails"),
    ("warm directory", "kt directory"),
    ("behaviour", "behavior"),
    ("colour", "color"),
    ("initialiser", "initializer"),
    ("serialise", "serialize"),
    ("cancelled", "canceled"),
    ("licence", "license"),
];

/// Files in which a word has its plain meaning.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "cargo-kt/first-stage/src/blake3.rs",
        "words",
        "machine words",
    ),
    (
        "cargo-kt/first-stage/src/sys/mod.rs",
        "words",
        "machine words",
    ),
    ("cargo-kt/src/link/symbols.rs", "words", "machine words"),
    (
        "cargo-kt/src/command/completions.rs",
        "words",
        "shell variables",
    ),
    ("cargo-kt/src/command/tests.rs", "words", "shell variables"),
    (
        "cargo-kt/tests/link/fixture/counter/src/lib.rs",
        "words",
        "of a text",
    ),
    ("examples/similar_texts.rs", "words", "of a text"),
    ("typos.toml", "words", "a key of the tool"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the workspace")
}

/// All sources and pages of the project, relative to its root.
fn files() -> Vec<PathBuf> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let read = |path: &&str| {
        let extension = Path::new(path).extension().and_then(|it| it.to_str());
        matches!(extension, Some("rs" | "md" | "toml" | "snap" | "stderr"))
            && *path != "tests/tests/voice.rs"
            && root().join(path).is_file()
    };
    listed.lines().filter(read).map(PathBuf::from).collect()
}

/// A line as lowercase words, with `snake_case` and `CamelCase` names taken apart, and a space before and after each.
fn plain(line: &str) -> String {
    let mut text = String::from(" ");
    let mut before = ' ';
    for letter in line.chars() {
        if letter.is_alphanumeric() {
            if letter.is_uppercase() && before.is_lowercase() && !text.ends_with(' ') {
                text.push(' ');
            }
            text.extend(letter.to_lowercase());
        } else if !text.ends_with(' ') {
            text.push(' ');
        }
        before = letter;
    }
    if !text.ends_with(' ') {
        text.push(' ');
    }
    text
}

#[test]
fn no_text_has_a_forbidden_word() {
    let files = files();
    assert!(files.len() > 300, "only {} files were found", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(root().join(&file)).expect("a listed file can be read");
        for (number, line) in text.lines().enumerate() {
            let plain = plain(line);
            for (word, instead) in FORBIDDEN {
                let is_exception = EXCEPTIONS
                    .iter()
                    .any(|(path, of, _)| Path::new(path) == file && of == word);
                let stands = |text: String| plain.contains(&text);
                if !is_exception && (stands(format!(" {word} ")) || stands(format!(" {word}s "))) {
                    found.push(format!(
                        "{}:{}: `{word}`, write: {instead}",
                        file.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} places:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn a_forbidden_word_is_found_in_names_too() {
    assert_eq!(
        plain("let is_told = NoTwin::of(x);"),
        " let is told no twin of x "
    );
    assert_eq!(plain("//! HTTPServer serves-on"), " httpserver serves on ");
}
