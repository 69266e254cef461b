//! Maps addresses to functions, files and lines.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use addr2line::Loader;
use kt::wire::data::{RawFrame, Symbol};

/// Finds the object with line tables for the object of this name, if it is the developer's own
/// code. Both have the same addresses.
pub type Objects = Box<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

/// A cache of objects that were read for earlier addresses.
#[derive(Default)]
pub struct Loaded(HashMap<String, Option<Loader>>);

/// Symbolizes addresses in the developer's crate objects.
pub struct Symbolizer {
    objects: Objects,
    /// File names in line tables are relative to the directory in which cargo ran rustc.
    workspace: PathBuf,
}

impl fmt::Debug for Symbolizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbolizer")
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

impl Symbolizer {
    pub fn new(objects: Objects, workspace: PathBuf) -> Self {
        Self { objects, workspace }
    }

    /// The symbols of all addresses, including inlined functions, innermost first.
    pub fn symbolize(&self, frames: &[RawFrame]) -> Vec<Symbol> {
        let mut loaded = Loaded::default();
        let frames = frames.iter();
        frames.flat_map(|it| self.one(&mut loaded, it)).collect()
    }

    /// The symbols of one address. Empty if no name is known.
    pub fn one(&self, loaded: &mut Loaded, frame: &RawFrame) -> Vec<Symbol> {
        if !loaded.0.contains_key(&frame.object) {
            let loader = (self.objects)(&frame.object).and_then(|path| Loader::new(path).ok());
            loaded.0.insert(frame.object.clone(), loader);
        }
        match loaded.0.get(&frame.object) {
            Some(Some(loader)) => self.in_object(loader, frame),
            _ => {
                let symbol = frame
                    .symbol
                    .as_deref()
                    .map(|name| symbol(name, None, None, false));
                symbol.into_iter().collect()
            }
        }
    }

    fn in_object(&self, loader: &Loader, frame: &RawFrame) -> Vec<Symbol> {
        // Line tables name only functions that contain inlined code; the symbol table names all.
        let outermost = loader.find_symbol(frame.offset).or(frame.symbol.as_deref());
        let mut found = Vec::new();
        if let Ok(mut inlined) = loader.find_frames(frame.offset) {
            while let Ok(Some(one)) = inlined.next() {
                found.push(one);
            }
        }
        let mut symbols = Vec::new();
        let count = found.len();
        for (index, one) in found.into_iter().enumerate() {
            let name = one
                .function
                .as_ref()
                .and_then(|function| function.raw_name().ok());
            // Names in line tables have no path. The outermost function, into which the others are
            // inlined, is also in the symbol table.
            let is_outermost = index + 1 == count;
            let name = match (outermost, name.as_deref()) {
                (Some(symbol), _) if is_outermost => symbol,
                (_, Some(name)) => name,
                (Some(symbol), None) => symbol,
                (None, None) => continue,
            };
            let file = one.location.as_ref().and_then(|location| location.file);
            let line = one.location.as_ref().and_then(|location| location.line);
            symbols.push(symbol(
                name,
                file.map(|file| self.relative(file)),
                line,
                true,
            ));
        }
        if symbols.is_empty() {
            // Code without line tables, such as a C library's.
            symbols.extend(outermost.map(|name| symbol(name, None, None, true)));
        }
        symbols
    }

    /// Makes paths relative to the workspace, as in rustc's diagnostics.
    fn relative(&self, file: &str) -> String {
        let path = Path::new(file);
        path.strip_prefix(&self.workspace)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}

fn symbol(name: &str, file: Option<String>, line: Option<u32>, in_user_object: bool) -> Symbol {
    let function = format!("{:#}", rustc_demangle::demangle(name));
    // Generic code of std is compiled into the crate that uses it. Generated code of the macros is
    // not user code either.
    let std = file
        .as_deref()
        .is_some_and(|file| file.starts_with("/rustc/") || file.contains("/lib/rustlib/src/"));
    let generated = ["kt::function::", "::__private::", "::__kt_", "::__KtRemote"]
        .iter()
        .any(|ours| function.contains(ours));
    let generated = generated || is_of_kt(&function);
    let registry = file
        .as_deref()
        .is_some_and(|file| file.contains("/registry/src/") || file.contains("/git/checkouts/"));
    Symbol {
        function,
        file,
        line,
        user: in_user_object && !std && !generated && !registry,
    }
}

/// Whether a function is kt's own: its generic code, such as the encoder, is compiled into the
/// crate that uses it. An `impl` for a type of kt is user code if its trait is.
fn is_of_kt(function: &str) -> bool {
    let Some(implementation) = function.strip_prefix('<') else {
        return function.starts_with("kt::");
    };
    let of = implementation.trim_start_matches('&');
    let of = of.strip_prefix("mut ").unwrap_or(of);
    let known = [
        "kt::",
        "serde::",
        "serde_core::",
        "core::",
        "std::",
        "alloc::",
    ];
    let (_, of_trait) = of.split_once(" as ").unwrap_or((of, "kt::"));
    of.starts_with("kt::") && known.iter().any(|path| of_trait.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_code_of_kt_is_not_user_code() {
        for (function, user) in [
            ("kt::codec::Encoder::put", false),
            ("kt::codec::Encoder::put::<app::Job>", false),
            (
                "<&mut kt::codec::compact::write::Writer as serde_core::ser::Serializer>::serialize_some",
                false,
            ),
            ("<kt::call::Bound<R> as kt::call::Pending>::encode", false),
            (
                "<app::Job as serde_core::ser::Serialize>::serialize::<&mut kt::codec::compact::write::Writer>",
                true,
            ),
            ("<kt::state::State<app::Cache> as app::Size>::size", true),
            ("app::kt::work", true),
        ] {
            let file = Some("/home/user/kt/kt-runtime/src/lib.rs".into());
            assert_eq!(
                symbol(function, file, Some(1), true).user,
                user,
                "{function}"
            );
        }
    }

    #[test]
    fn generic_code_of_std_is_not_user_code() {
        let std = symbol(
            "f",
            Some("/rustc/59807616e/library/core/src/ops/function.rs".into()),
            Some(250),
            true,
        );
        assert!(!std.user);
        assert!(symbol("app::f", Some("src/lib.rs".into()), Some(1), true).user);
        assert_eq!(
            symbol("_ZN3app4work17h0123456789abcdefE", None, None, true).function,
            "app::work"
        );
    }

    #[test]
    fn an_unknown_object_keeps_its_symbols() {
        let symbolizer = Symbolizer::new(Box::new(|_| None), PathBuf::new());
        let frame = RawFrame {
            object: "libc.so.6".into(),
            offset: 1,
            symbol: Some("qsort".into()),
        };
        let symbols = symbolizer.symbolize(&[frame]);
        assert_eq!(
            (symbols.len(), symbols[0].function.as_str(), symbols[0].user),
            (1, "qsort", false)
        );
    }
}
