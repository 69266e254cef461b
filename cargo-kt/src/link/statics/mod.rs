//! Statics that live in a crate object's own memory: they start afresh with each new object of the crate, so that a person
//! has to be told of them.
//!
//! No annotation is needed. The symbol table says which there are, since rustc puts what can change (interior mutability,
//! `static mut`) into `.data` and `.bss`, thread-locals into `.tdata` and `.tbss`, and everything else where nobody can
//! write; the sources say where they stand, as well as can be told without expanding macros.
//!
//! Not told: statics of C code that is linked into a crate, and what a `#[link_section]` puts elsewhere.

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

/// Where linkers put what can be written at any time. `.data.rel.ro` cannot, once it is relocated.
const WRITABLE: [&[u8]; 4] = [b".data", b".bss", b".tdata", b".tbss"];

/// The statics in the shared object `data` of a crate, apart from its states (by key) and what macros of others hide.
///
/// # Errors
/// If it is no ELF file.
pub fn of(
    data: &[u8],
    krate: &HotCrate,
    states: &[String],
) -> Result<Vec<PlainStatic>, object::Error> {
    let mut found = BTreeSet::new();
    for (symbol, thread_local) in symbols(data)? {
        let (path, is_plain) = match path::of(symbol) {
            // What `inventory::collect!` declares is filled again.
            path::Known::Path(path) if reach::is_inventory(&path) => continue,
            path::Known::Path(path) => (path, false),
            path::Known::Hidden => continue,
            // `#[no_mangle]`, or C: the sources tell.
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
        if place.is_none() && (*is_plain || path::is_of_a_macro(path)) {
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

/// Names of variables that can be written, and whether each thread has its own.
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
        // What takes no memory holds nothing.
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

/// Which statics may be the handle of the state that has this key. Keys say the module, and not the function that a static
/// may stand in.
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
