//! rlibs: facts about their object members, and repaired copies that can be linked into separate
//! shared objects.
//!
//! An rlib is an `ar` archive: `lib.rmeta`, rustc's own objects (`*.rcgu.o`), and the members of
//! bundled C libraries.

use std::{collections::BTreeSet, ops::Range};

use object::{
    LittleEndian as LE,
    elf::{self, FileHeader64, Sym64},
    read::{
        archive::ArchiveFile,
        elf::{FileHeader as _, SectionHeader as _, Sym as _},
    },
};
use serde::{Deserialize, Serialize};

use super::elf::is_object;

/// Facts about an rlib that are needed before it is linked, cached by the file's identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFacts {
    /// blake3 over its object members in hex. Metadata does not count, as it is not linked.
    pub content: String,
    /// A C member has hidden symbols that Rust code in another shared object may need.
    #[serde(default)]
    pub hides: bool,
    /// It has the expansion of `#[global_allocator]`.
    #[serde(default)]
    pub allocator: bool,
    /// It is the object that rustc generates for an executable without `#[global_allocator]`. It
    /// connects `__rust_alloc` to a static libstd.
    #[serde(default)]
    pub allocator_shim: bool,
    /// The distributed slices of linkme that it declares or adds to.
    #[serde(default)]
    pub slices: Vec<String>,
    /// Keys of the states that it declares: what follows `kt:state:` in its symbols, sorted.
    #[serde(default)]
    pub states: Vec<String>,
    /// Keys of the states with the argument `keep`: what follows `kt:keep:`, sorted.
    #[serde(default)]
    pub keeps: Vec<String>,
    /// It has code that runs at load time.
    #[serde(default)]
    pub constructors: bool,
}

/// Prefix of the symbol of a state's descriptor.
const STATE: &[u8] = b"kt:state:";

/// Prefix of the symbol that marks a state with the argument `keep`.
const KEEP: &[u8] = b"kt:keep:";

/// Whether a section of this name lists functions to call at load time.
pub(super) fn is_constructors(section: &[u8]) -> bool {
    [&b".init_array"[..], b".preinit_array", b".ctors"]
        .iter()
        .any(|prefix| {
            let rest = section.strip_prefix(*prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
        })
}

/// Changes to symbols that are needed to link an rlib into a separate shared object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Hidden symbols of C members become protected: rustc links them statically, so they need not
    /// be visible to other objects. Here the crate that calls them may be in another object.
    pub protect: bool,
    /// The `__rust_alloc` family of `#[global_allocator]` becomes undefined, so that this object
    /// uses libstd's, as all others do. With its own, one allocator would allocate memory and
    /// another would free it.
    pub undefine_allocator: bool,
    /// Undefined symbols that no library defines become weak: a static link would not pull in the
    /// member that refers to them.
    pub weaken: BTreeSet<String>,
}

impl Repairs {
    /// The repairs that an rlib with these facts needs.
    pub fn for_facts(facts: &ArchiveFacts) -> Self {
        Self {
            protect: facts.hides,
            undefine_allocator: facts.allocator,
            weaken: BTreeSet::new(),
        }
    }

    pub fn is_none(&self) -> bool {
        !self.protect && !self.undefine_allocator && self.weaken.is_empty()
    }
}

/// One symbol of a member's symbol table, and its offset in the archive.
pub(super) struct Symbol<'data> {
    offset: usize,
    pub name: &'data [u8],
    raw: &'data Sym64<LE>,
}

impl Symbol<'_> {
    fn is_local(&self) -> bool {
        self.raw.st_bind() == elf::STB_LOCAL
    }

    pub fn is_undefined(&self) -> bool {
        self.raw.st_shndx(LE) == elf::SHN_UNDEF
    }

    fn is_hidden(&self) -> bool {
        matches!(
            self.raw.st_visibility(),
            elf::STV_HIDDEN | elf::STV_INTERNAL
        )
    }

    /// Whether it belongs to the expansion of `#[global_allocator]`: `__rust_alloc` itself, or
    /// mangled as rustc does since 1.89.
    fn is_allocator(&self) -> bool {
        const FAMILY: [&[u8]; 4] = [
            b"__rust_alloc",
            b"__rust_dealloc",
            b"__rust_realloc",
            b"__rust_alloc_zeroed",
        ];
        let mangled =
            self.name.starts_with(b"_R") && self.name.windows(8).any(|part| part == b"7___rust");
        FAMILY
            .iter()
            .any(|name| self.name == *name || (mangled && self.name.ends_with(name)))
    }
}

/// An object member of an archive.
pub(super) struct Member<'data> {
    name: &'data [u8],
    range: Range<usize>,
    data: &'data [u8],
}

impl<'data> Member<'data> {
    /// The object file.
    pub fn data(&self) -> &'data [u8] {
        self.data
    }

    fn is_rust(&self) -> bool {
        self.name.ends_with(b".rcgu.o")
    }

    pub fn symbols(&self) -> Result<Vec<Symbol<'data>>, object::Error> {
        let header = FileHeader64::<LE>::parse(self.data)?;
        let sections = header.sections(LE, self.data)?;
        let table = sections.symbols(LE, self.data, elf::SHT_SYMTAB)?;
        if table.is_empty() {
            return Ok(Vec::new());
        }
        let start = self.range.start
            + usize::try_from(sections.section(table.section())?.sh_offset(LE))
                .unwrap_or(usize::MAX);
        let symbol = |(index, raw): (usize, &'data Sym64<LE>)| Symbol {
            offset: start + index * size_of::<Sym64<LE>>(),
            name: raw.name(LE, table.strings()).unwrap_or_default(),
            raw,
        };
        Ok(table
            .iter()
            .enumerate()
            .skip(1)
            .map(symbol)
            .filter(|symbol| !symbol.is_local())
            .collect())
    }

    /// Whether it has functions to call at load time (gABI, chapter 5, "Initialization and
    /// Termination Functions").
    fn has_constructors(&self) -> Result<bool, object::Error> {
        let header = FileHeader64::<LE>::parse(self.data)?;
        let sections = header.sections(LE, self.data)?;
        let mut names = sections
            .iter()
            .filter_map(|section| sections.section_name(LE, section).ok());
        Ok(names.any(is_constructors))
    }

    fn slices(&self) -> Result<Vec<String>, object::Error> {
        let header = FileHeader64::<LE>::parse(self.data)?;
        let sections = header.sections(LE, self.data)?;
        let names = sections
            .iter()
            .filter_map(|section| sections.section_name(LE, section).ok());
        let slices = names.filter_map(|name| name.strip_prefix(b"linkme_"));
        Ok(slices
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect())
    }
}

/// The object members of an rlib; an object file counts as an archive with one member.
pub(super) fn members(archive: &[u8]) -> Result<Vec<Member<'_>>, object::Error> {
    if is_object(archive) {
        return Ok(vec![Member {
            name: b"main.rcgu.o",
            range: 0..archive.len(),
            data: archive,
        }]);
    }
    let mut members = Vec::new();
    for member in ArchiveFile::parse(archive)?.members() {
        let member = member?;
        let data = member.data(archive)?;
        let start = usize::try_from(member.file_range().0).unwrap_or(usize::MAX);
        if is_object(data) && member.name() != b"lib.rmeta" {
            members.push(Member {
                name: member.name(),
                range: start..start + data.len(),
                data,
            });
        }
    }
    Ok(members)
}

/// Reads an rlib, or one object file.
pub fn facts(archive: &[u8]) -> Result<ArchiveFacts, object::Error> {
    let mut hasher = blake3::Hasher::new();
    let mut facts = ArchiveFacts::default();
    let (mut slices, mut states) = (BTreeSet::new(), BTreeSet::new());
    let mut keeps = BTreeSet::new();
    for member in members(archive)? {
        hasher.update(&(member.data.len() as u64).to_le_bytes());
        hasher.update(&[u8::from(member.is_rust())]);
        hasher.update(member.data);
        slices.extend(member.slices()?);
        facts.constructors |= member.has_constructors()?;
        let symbols = member.symbols()?;
        let defined = symbols.iter().filter(|symbol| !symbol.is_undefined());
        for symbol in defined {
            let key = |prefix| {
                symbol
                    .name
                    .strip_prefix(prefix)
                    .map(String::from_utf8_lossy)
            };
            states.extend(key(STATE).map(|key| key.into_owned()));
            keeps.extend(key(KEEP).map(|key| key.into_owned()));
        }
        facts.allocator |= member.is_rust()
            && symbols
                .iter()
                .any(|s| !s.is_undefined() && s.is_allocator());
        facts.allocator_shim |= symbols
            .iter()
            .any(|s| s.is_undefined() && s.name.ends_with(b"__rdl_alloc"));
        facts.hides |= !member.is_rust() && symbols.iter().any(Symbol::is_hidden);
    }
    facts.content = hasher.finalize().to_hex().to_string();
    facts.slices = slices.into_iter().collect();
    facts.states = states.into_iter().collect();
    facts.keeps = keeps.into_iter().collect();
    Ok(facts)
}

/// Copies an rlib and changes entries of its symbol tables in place. No data moves.
pub fn repair(archive: &[u8], repairs: &Repairs) -> Result<Vec<u8>, object::Error> {
    // struct Elf64_Sym: st_name 4 bytes, st_info 1, st_other 1, st_shndx 2, st_value 8, st_size 8
    // (gABI, chapter 4).
    const INFO: usize = 4;
    const OTHER: usize = 5;
    const SECTION: usize = 6;
    let mut copy = archive.to_vec();
    for member in members(archive)? {
        for symbol in member.symbols()? {
            let entry = &mut copy[symbol.offset..symbol.offset + size_of::<Sym64<LE>>()];
            if repairs.protect && !member.is_rust() && symbol.is_hidden() {
                // Also for references: the most constraining visibility of all references to a
                // symbol applies.
                entry[OTHER] |= elf::STV_PROTECTED.0;
            }
            if symbol.is_undefined() {
                if repairs
                    .weaken
                    .iter()
                    .any(|name| name.as_bytes() == symbol.name)
                {
                    entry[INFO] = (elf::STB_WEAK.0 << 4) | (entry[INFO] & 0xf);
                    // The dynamic linker could not resolve a hidden undefined symbol.
                    entry[OTHER] &= !3;
                }
            } else if repairs.undefine_allocator && member.is_rust() && symbol.is_allocator() {
                entry[SECTION..].fill(0);
            }
        }
    }
    Ok(copy)
}
