//! Finds the declaration of a static in the sources, from tokens alone: macros are not expanded and
//! names are not resolved.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use kt::wire::manifest::SourcePlace;

use super::{
    lexer::{Lexer, Token},
    path,
};
use crate::artifacts::HotCrate;

/// All candidate places, by name.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Named>);

/// How the sources mention a static.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mention {
    /// `static NAME:`, possibly inside a macro call such as `thread_local!`.
    Declared,
    /// Only its name, as a macro's argument.
    Named,
}

#[derive(Debug, Default)]
struct Named {
    /// `static NAME:` with the enclosing modules and functions.
    statics: Vec<(Vec<String>, SourcePlace)>,
    /// The first other place of the name: a macro's argument.
    mentioned: Option<SourcePlace>,
}

impl Places {
    /// Finds `names` in the sources of a crate. Unreadable files are skipped.
    pub(super) fn find(krate: &HotCrate, names: &BTreeSet<&str>) -> Self {
        let mut places = Self::default();
        for source in &krate.sources {
            if source.extension() != Some("rs") {
                continue;
            }
            // rustc runs in the root of the workspace.
            let root = krate.invocation.as_ref().map(|it| it.directory.as_path());
            let absolute = root.map_or_else(|| source.clone(), |root| root.join(source));
            let shown = root.and_then(|root| source.strip_prefix(root).ok());
            if let Ok(text) = std::fs::read_to_string(absolute) {
                let included: BTreeSet<&str> = names
                    .iter()
                    .copied()
                    .filter(|name| text.contains(name))
                    .collect();
                if !included.is_empty() {
                    places.read(shown.unwrap_or(source), &text, &included);
                }
            }
        }
        places
    }

    fn read(&mut self, file: &Utf8Path, text: &str, included: &BTreeSet<&str>) {
        let mut scopes = Scopes::of(file);
        for (token, line) in Lexer::new(text) {
            let place = || SourcePlace {
                file: file.to_string(),
                line,
            };
            let named = match token {
                Token::Name(name) | Token::RawName(name) if included.contains(name) => {
                    Some(self.0.entry(name.to_owned()).or_default())
                }
                _ => None,
            };
            if scopes.read_token(token) {
                if let Some(named) = named {
                    named.statics.push((scopes.path(), place()));
                }
            } else if let Some(named) = named {
                named.mentioned.get_or_insert_with(place);
            }
        }
    }

    /// The most likely place of the static `path`. An unmangled symbol has no modules in its path.
    pub(super) fn of(&self, path: &str, is_plain: bool) -> Option<(Mention, SourcePlace)> {
        let named = self.0.get(path::last(path))?;
        let mut around = path::segments(path);
        around.pop();
        let alike = |scopes: &[String]| {
            let pairs = scopes.iter().rev().zip(around.iter().rev());
            pairs.take_while(|(one, other)| one == *other).count()
        };
        // The best match; the first of several equal ones.
        let best = named
            .statics
            .iter()
            .rev()
            .max_by_key(|(scopes, _)| (alike(scopes), std::cmp::Reverse(scopes.len())));
        let best = best.map(|(_, place)| (Mention::Declared, place.clone()));
        let mentioned = named.mentioned.as_ref().filter(|_| !is_plain);
        best.or_else(|| Some((Mention::Named, mentioned?.clone())))
    }
}

/// The named items around the last token.
struct Scopes<'a> {
    modules: Vec<String>,
    /// One entry for each open brace.
    open: Vec<Option<&'a str>>,
    /// The item whose body follows.
    pending: Option<&'a str>,
    /// Open parentheses and brackets since then.
    nested: usize,
    expects: Expects,
}

#[derive(PartialEq)]
enum Expects {
    Nothing,
    /// Its name is the next token.
    Item {
        is_static: bool,
    },
}

impl<'a> Scopes<'a> {
    fn of(file: &Utf8Path) -> Self {
        let file = file.as_str();
        let inside = file.rsplit_once("src/").map_or(file, |(_, inside)| inside);
        let stem = inside.trim_end_matches(".rs");
        let parts = stem
            .split('/')
            .filter(|part| !["lib", "main", "mod"].contains(part));
        Self {
            modules: parts.map(str::to_owned).collect(),
            open: Vec::new(),
            pending: None,
            nested: 0,
            expects: Expects::Nothing,
        }
    }

    fn path(&self) -> Vec<String> {
        let open = self.open.iter().flatten().map(|name| (*name).to_owned());
        self.modules.iter().cloned().chain(open).collect()
    }

    /// Reads a token. Returns whether it is the name in the declaration of a static.
    fn read_token(&mut self, token: Token<'a>) -> bool {
        match token {
            Token::Name("static") => self.expects = Expects::Item { is_static: true },
            Token::Name("mod" | "fn" | "const") => {
                self.expects = Expects::Item { is_static: false };
            }
            // `static mut`, lazy_static's `static ref`; `const unsafe extern fn`, until the `fn`.
            Token::Name("mut" | "ref" | "unsafe" | "extern" | "async") => {}
            Token::Name(name) | Token::RawName(name) => {
                if let Expects::Item { is_static } =
                    std::mem::replace(&mut self.expects, Expects::Nothing)
                {
                    (self.pending, self.nested) = (Some(name), 0);
                    return is_static;
                }
            }
            Token::Mark(mark) => {
                self.expects = Expects::Nothing;
                match mark {
                    b'{' => self.open.push(self.pending.take()),
                    b'}' => drop(self.open.pop()),
                    b'(' | b'[' => self.nested += 1,
                    b')' | b']' => self.nested = self.nested.saturating_sub(1),
                    b';' if self.nested == 0 => self.pending = None,
                    _ => {}
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, paths: &[&str]) -> Vec<u32> {
        let mut places = Places::default();
        let names = paths.iter().map(|path| path::last(path)).collect();
        places.read("app/src/cache.rs".into(), text, &names);
        let line = |path: &&str| places.of(path, false).map_or(0, |(_, place)| place.line);
        paths.iter().map(line).collect()
    }

    #[test]
    fn a_name_is_found_in_the_module_and_function_of_its_path() {
        let text = "pub static HITS: A = A;
            mod inner { pub(crate) static mut HITS: [u8; 2] = [0; 2]; }
            impl X for Y { fn work(&self) -> [u8; 3] {
                static HITS: A = A; } }
            fn other();
            mod last { use super::*;
                static HITS: A = A; }";
        let paths = [
            "app::cache::HITS",
            "app::cache::inner::HITS",
            "<app::Y as app::X>::work::HITS",
            "app::cache::last::HITS",
        ];
        assert_eq!(lines(text, &paths), [1, 2, 4, 7]);
    }

    #[test]
    fn comments_strings_and_lifetimes_are_not_statics() {
        let text = "// static HITS: A
            /* static HITS: /* nested */ A */
            const TEXT: &'static str = \"static HITS: A \\\" static HITS\";
            const RAW: &str = r#\"static HITS: \"A\"#; const C: char = '\"'; const D: char = '\\'';
            fn f(x: &'static HITS) {} static HITS: A = A;";
        assert_eq!(lines(text, &["app::cache::HITS"]), [5]);
    }

    #[test]
    fn raw_identifiers_are_names_and_not_keywords() {
        let text = "fn r#static() { HITS }
            static r#HITS: A = A;
            fn r#mod() { static
                r#type: A = A; }";
        let paths = ["app::cache::HITS", "app::cache::mod::type"];
        assert_eq!(lines(text, &paths), [2, 4]);
    }

    #[test]
    fn a_macro_argument_counts_if_there_is_no_declaration() {
        let text = "make! {
            HITS, 3
        }
        lazy_static! { static ref POOL: Pool = Pool::new(); }
        thread_local! { static LIST: Vec<u8> = const { Vec::new() } }";
        let paths = ["app::cache::HITS", "app::cache::POOL", "app::cache::LIST"];
        assert_eq!(lines(text, &paths), [2, 4, 5]);
        assert_eq!(lines(text, &["app::cache::ABSENT"]), [0]);
    }
}
