//! Statics in a crate object's own memory: each new object of the crate resets them, so kt reports
//! them to the developer.
//!
//! No annotation is needed. The symbol table lists them, as rustc puts what can change (interior
//! mutability, `static mut`) into `.data` and `.bss`, thread-locals into `.tdata` and `.tbss`, and
//! everything else into read-only sections. The sources give their places, as far as possible
//! without expanding macros.
//!
//! Not found: statics of C code that is linked into a crate, and statics that `#[link_section]`
//! puts into other sections.

mod lexer;
mod path;
mod place;

use std::collections::BTreeSet;

use kt::wire::manifest::PlainStatic;
use object::{
    LittleEndian as LE, elf,
    read::elf::{ElfFile64, Sym as _},
};

use super::reach;
use crate::artifacts::HotCrate;
use place::{Mention, Places};

/// Sections that are always writable. `.data.rel.ro` is read-only after relocation. Those with `l`
/// are of `-C code-model=large`, and of large variables with `medium`.
const WRITABLE: [&[u8]; 6] = [b".data", b".bss", b".ldata", b".lbss", b".tdata", b".tbss"];

/// The statics in the shared object `data` of a crate, except its states (by key) and statics that
/// third-party macros generate.
///
/// # Errors
/// If it is not an ELF file.
pub fn of(
    data: &[u8],
    krate: &HotCrate,
    states: &[String],
) -> Result<Vec<PlainStatic>, object::Error> {
    let mut found = BTreeSet::new();
    for (symbol, thread_local) in symbols(data)? {
        let (path, is_plain) = match path::of(symbol) {
            // The lists of `inventory::collect!` are filled again at load.
            path::Known::Path(path) if reach::is_inventory(&path) => continue,
            path::Known::Path(path) => (path, false),
            path::Known::Hidden => continue,
            // `#[no_mangle]`, or C: it counts if the sources declare it.
            path::Known::Plain(name) => (format!("{}::{name}", krate.crate_name), true),
        };
        found.insert((path, thread_local, is_plain));
    }
    for key in states {
        let handles = handles(key, found.iter().map(|(path, ..)| path));
        found.retain(|(path, ..)| !handles.contains(path));
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let names: BTreeSet<&str> = found.iter().map(|(path, ..)| path::last(path)).collect();
    let places = Places::find(krate, &names);
    let statics = found.iter().filter_map(|(path, thread_local, is_plain)| {
        let found = places.of(path, *is_plain);
        let by_macro = !matches!(found, Some((Mention::Declared, _)));
        let place = found.map(|(_, place)| place);
        if place.is_none() && (*is_plain || path::is_of_logging(path)) {
            return None;
        }
        Some(PlainStatic {
            path: path.clone(),
            thread_local: *thread_local,
            place,
            by_macro,
        })
    });
    Ok(statics.collect())
}

/// Names of writable variables, and whether they are thread-local.
fn symbols(data: &[u8]) -> Result<impl Iterator<Item = (&str, bool)>, object::Error> {
    let file = ElfFile64::<LE>::parse(data)?;
    let (sections, table) = (file.elf_section_table(), file.elf_symbol_table());
    let writable: Vec<_> = sections
        .enumerate()
        .filter(|(_, section)| {
            sections
                .section_name(LE, section)
                .is_ok_and(|name| WRITABLE.contains(&name))
        })
        .map(|(index, _)| index.0)
        .collect();
    let strings = table.strings();
    let symbols: Vec<_> = table.iter().collect();
    Ok(symbols.into_iter().filter_map(move |symbol| {
        let kind = symbol.st_type();
        let is_variable = kind == elf::STT_OBJECT || kind == elf::STT_TLS;
        // A variable without memory has no value.
        if !is_variable
            || symbol.st_size(LE) == 0
            || !writable.contains(&usize::from(symbol.st_shndx(LE).0))
        {
            return None;
        }
        let name = std::str::from_utf8(symbol.name(LE, strings).ok()?).ok()?;
        Some((name, kind == elf::STT_TLS))
    }))
}

/// The statics that may be the handle of the state with this key. A key has the module, but not the
/// function around the static.
fn handles<'a>(key: &str, paths: impl Iterator<Item = &'a String> + Clone) -> BTreeSet<String> {
    let own = key.split_once(':').map_or(key, |(_, path)| path);
    if paths.clone().any(|path| path == own) {
        return BTreeSet::from([own.to_owned()]);
    }
    let module = own.rsplit_once("::").map_or("", |(module, _)| module);
    let is_inside = |path: &str| {
        let inside = path.strip_prefix(module);
        path.starts_with('<') || inside.is_some_and(|rest| rest.starts_with("::"))
    };
    let handles = paths.filter(|path| path::last(path) == path::last(own) && is_inside(path));
    handles.cloned().collect()
}

#[cfg(test)]
mod tests;
