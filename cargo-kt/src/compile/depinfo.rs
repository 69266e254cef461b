//! Parses rustc's dep-info: Makefile syntax, written by `write_out_deps` in rustc's
//! `rustc_interface/src/passes.rs`.

use camino::{Utf8Path, Utf8PathBuf};

/// The inputs of one rustc invocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DepInfo {
    /// Files, as absolute paths, without duplicates, in rustc's order.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Environment variables read by `env!` and `option_env!`, and their values at that time.
    pub(super) environment: Vec<(String, Option<String>)>,
}

impl DepInfo {
    /// Parses the text. `directory` is the working directory of rustc.
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

/// The working directory of rustc, by the path of the crate's root module, if the dep-info names that
/// by a relative path. cargo starts rustc in the root of the workspace for path dependencies below
/// it, or in the directory of `-Z root-dir` (`path_args` in cargo's `util/workspace.rs`).
pub(super) fn directory<'a>(text: &str, root_module: &'a Utf8Path) -> Option<&'a Utf8Path> {
    let files = text.lines().filter_map(phony_target).map(unescape_path);
    let mut relative = files.filter(|file| !file.starts_with('/'));
    relative.find_map(|file| {
        let mut above = root_module.ancestors();
        above.find(|directory| directory.join(&file) == root_module)
    })
}

/// The file of a rule `FILE:` without prerequisites. rustc writes one for each file that it read,
/// after the rules that name outputs.
fn phony_target(line: &str) -> Option<&str> {
    line.strip_suffix(':')
        .filter(|file| !line.starts_with('#') && !file.is_empty())
}

/// In paths only spaces are escaped, as `\ ` (`escape_dep_filename`).
fn unescape_path(path: &str) -> String {
    path.replace("\\ ", " ")
}

/// In variables backslash, newline and carriage return are escaped (`escape_dep_env`).
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
    fn the_directory_of_rustc_follows_from_the_root_module() {
        let text =
            |root: &str| format!("/out/liba.rlib: x\n\n{root}:\nother/src/with\\ space.rs:\n");
        for (root, expected) in [
            ("a\\ b/src/lib.rs", Some("/ws")),
            ("src/lib.rs", Some("/ws/a b")),
            ("/ws/a\\ b/src/lib.rs", None),
            ("c/src/lib.rs", None),
        ] {
            let found = directory(&text(root), Utf8Path::new("/ws/a b/src/lib.rs"));
            assert_eq!(found, expected.map(Utf8Path::new), "{root}");
        }
    }

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
