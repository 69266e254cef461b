//! rustc's dep-info: Makefile syntax, written by `write_out_deps` in rustc's `rustc_interface/src/passes.rs`.

use camino::{Utf8Path, Utf8PathBuf};

/// What one call of rustc read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DepInfo {
    /// Files, relative ones resolved, each once, in rustc's order.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Environment variables seen by `env!` and `option_env!`, and their value then.
    pub(super) environment: Vec<(String, Option<String>)>,
}

impl DepInfo {
    /// Reads the text; `directory` is where rustc ran.
    pub(super) fn parse(text: &str, directory: &Utf8Path) -> Self {
        let mut info = Self::default();
        for line in text.lines() {
            if let Some(variable) = line.strip_prefix("# env-dep:") {
                info.environment.push(match variable.split_once('=') {
                    Some((name, value)) => {
                        (unescape_variable(name), Some(unescape_variable(value)))
                    }
                    None => (unescape_variable(variable), None),
                });
            } else if let Some(file) = phony_target(line) {
                let path = directory.join(unescape_path(file));
                if !info.files.contains(&path) {
                    info.files.push(path);
                }
            }
        }
        info
    }
}

/// rustc ends the text with one rule `FILE:` without prerequisites per file it read; the rules above it name outputs.
fn phony_target(line: &str) -> Option<&str> {
    line.strip_suffix(':')
        .filter(|file| !line.starts_with('#') && !file.is_empty())
}

/// Spaces in paths are written `\ ` (`escape_dep_filename`); nothing else is escaped.
fn unescape_path(path: &str) -> String {
    path.replace("\\ ", " ")
}

/// Backslash, newline and carriage return are escaped in variables (`escape_dep_env`).
fn unescape_variable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            (other, false) => other,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_with_spaces_and_variables_with_newlines() {
        let text = "/out/liba.rlib: src/lib.rs src/with\\ space.rs\n\nsrc/lib.rs:\nsrc/with\\ space.rs:\n/abs/colon:name.txt:\n\n\
                    # env-dep:FOO=a\\nb\\\\c\n# env-dep:UNSET\n";
        let info = DepInfo::parse(text, Utf8Path::new("/ws"));
        assert_eq!(
            info.files,
            [
                "/ws/src/lib.rs",
                "/ws/src/with space.rs",
                "/abs/colon:name.txt"
            ]
        );
        let expected = [
            ("FOO".to_owned(), Some("a\nb\\c".to_owned())),
            ("UNSET".to_owned(), None),
        ];
        assert_eq!(info.environment, expected);
    }
}
