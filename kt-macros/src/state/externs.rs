//! Finds the crates that the crate being compiled can name, from rustc's own arguments.
//!
//! A macro runs in rustc's process. A language server expands macros in another process, where no
//! crate is found.

use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs};

/// A dependency.
#[derive(Debug, PartialEq, Eq)]
pub struct Extern {
    /// Its name in this crate.
    pub name: String,
    /// Its original name.
    pub real: String,
}

/// All crates that rustc received with `--extern`.
pub fn all() -> &'static [Extern] {
    static ALL: OnceLock<Vec<Extern>> = OnceLock::new();
    ALL.get_or_init(|| {
        let arguments = env::args_os().skip(1);
        let arguments = arguments.filter_map(|argument| argument.into_string().ok());
        parse(arguments.flat_map(expanded))
    })
}

/// An argument, or the arguments in a response file: one per line, as rustc reads it.
fn expanded(argument: String) -> Vec<String> {
    match argument.strip_prefix('@').map(fs::read_to_string) {
        Some(Ok(file)) => file.lines().map(str::to_owned).collect(),
        _ => vec![argument],
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Vec<Extern> {
    let mut arguments = arguments;
    let mut found = Vec::new();
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--extern") {
            Some("") => arguments.next(),
            Some(joined) => joined.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        found.extend(value.as_deref().and_then(one));
    }
    found
}

/// `options:name=path`. Options and path may be missing, and options may keep the name out of the
/// prelude.
fn one(value: &str) -> Option<Extern> {
    let (name, path) = match value.split_once('=') {
        Some((name, path)) => (name, Some(path)),
        None => (value, None),
    };
    let name = match name.split_once(':') {
        // `::name` does not resolve then.
        Some((options, _)) if options.split(',').any(|option| option == "noprelude") => {
            return None;
        }
        Some((_, name)) => name,
        None => name,
    };
    Some(Extern {
        name: name.to_owned(),
        real: path.and_then(stem).unwrap_or_else(|| name.to_owned()),
    })
}

/// `parking_lot` of `…/libparking_lot-0123456789abcdef.rmeta`.
fn stem(path: &str) -> Option<String> {
    let stem = Path::new(path).file_stem()?.to_str()?;
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    Some(
        stem.rsplit_once('-')
            .map_or(stem, |(stem, _)| stem)
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Vec<(String, String)> {
        let found = parse(arguments.iter().map(|argument| (*argument).to_owned()));
        found
            .into_iter()
            .map(|found| (found.name, found.real))
            .collect()
    }

    #[test]
    fn an_extern_has_its_local_name_and_its_original_name() {
        let pair = |name: &str, real: &str| (name.to_owned(), real.to_owned());
        assert_eq!(
            of(&[
                "--crate-name",
                "app",
                "--extern",
                "parking_lot=/t/deps/libparking_lot-0f.rmeta",
                "--extern=maps=/t/deps/libdashmap-0f.rlib",
                "--extern",
                "priv:once_cell=/t/deps/libonce_cell-0f.rmeta",
                "--extern",
                "noprelude:core=/t/libcore-0f.rlib",
                "--extern",
                "proc_macro",
                "--external",
                "x=y",
            ]),
            [
                pair("parking_lot", "parking_lot"),
                pair("maps", "dashmap"),
                pair("once_cell", "once_cell"),
                pair("proc_macro", "proc_macro"),
            ]
        );
    }
}
