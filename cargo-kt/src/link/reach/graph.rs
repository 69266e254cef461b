//! The sections of an rlib's members and their references. rustc puts each function and each static
//! into its own section.

use std::collections::{BTreeMap, HashMap};

use object::{
    LittleEndian as LE, SectionIndex,
    elf::{self, FileHeader64, Rela64, SectionHeader64},
    read::elf::{
        FileHeader as _, Rela as _, SectionHeader as _, SectionTable, Sym as _, SymbolTable,
    },
};

use super::super::archive;

/// A section: index of the member in its archive, and index of the section in the member.
pub(super) type Place = (usize, usize);

/// A parsed archive with an index of its symbols.
pub(super) struct Archive<'data> {
    members: Vec<Member<'data>>,
    /// The sections of symbols that other members may refer to.
    defined: HashMap<&'data [u8], Place>,
}

struct Member<'data> {
    data: &'data [u8],
    sections: SectionTable<'data, FileHeader64<LE>>,
    symbols: SymbolTable<'data, FileHeader64<LE>>,
    /// Index of the relocation section, by the section that it applies to.
    relocations: BTreeMap<usize, usize>,
}

/// The target of a relocation.
pub(super) enum Target<'data> {
    Section(Place),
    Symbol(&'data [u8]),
}

/// A reference, and its offset in its section.
pub(super) struct Reference<'data> {
    pub offset: u64,
    pub target: Target<'data>,
}

/// The kind of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    /// Data that is always writable.
    Writable,
    /// Data that is read-only after relocation; and thread-locals, which each thread initializes
    /// for itself.
    Constant,
    /// A list of functions to call at load time.
    Constructors,
    /// It is not loaded.
    Other,
}

impl<'data> Archive<'data> {
    pub fn parse(archive: &'data [u8]) -> Result<Self, object::Error> {
        let mut found = Self {
            members: Vec::new(),
            defined: HashMap::new(),
        };
        for member in archive::members(archive)? {
            let data = member.data();
            let header = FileHeader64::<LE>::parse(data)?;
            let sections = header.sections(LE, data)?;
            let symbols = sections.symbols(LE, data, elf::SHT_SYMTAB)?;
            let applied = sections.enumerate().filter_map(|(index, section)| {
                let is_rela = section.sh_type(LE) == elf::SHT_RELA;
                let to = usize::try_from(section.sh_info(LE)).ok()?;
                is_rela.then_some((to, index.0))
            });
            let at = found.members.len();
            for symbol in symbols.iter() {
                let section = usize::from(symbol.st_shndx(LE).0);
                let is_shared = symbol.st_bind() != elf::STB_LOCAL;
                if is_shared && section != 0 && section < sections.len() {
                    let name = symbol.name(LE, symbols.strings())?;
                    found.defined.entry(name).or_insert((at, section));
                }
            }
            found.members.push(Member {
                data,
                relocations: applied.collect(),
                sections,
                symbols,
            });
        }
        Ok(found)
    }

    /// The sections that list functions to call at load time.
    pub fn constructors(&self) -> Vec<Place> {
        let members = self.members.iter().enumerate();
        let sections = members
            .flat_map(|(at, member)| (1..member.sections.len()).map(move |section| (at, section)));
        sections
            .filter(|place| self.kind(*place) == Kind::Constructors)
            .collect()
    }

    pub fn find(&self, symbol: &[u8]) -> Option<Place> {
        self.defined.get(symbol).copied()
    }

    fn section(&self, (member, section): Place) -> Option<&'data SectionHeader64<LE>> {
        self.members[member]
            .sections
            .section(SectionIndex(section))
            .ok()
    }

    pub fn kind(&self, place: Place) -> Kind {
        let Some(section) = self.section(place) else {
            return Kind::Other;
        };
        let sections = &self.members[place.0].sections;
        let name = sections.section_name(LE, section).unwrap_or_default();
        let has = |flag: elf::SectionFlags| section.sh_flags(LE).0 & flag.0 != 0;
        if archive::is_constructors(name) {
            Kind::Constructors
        } else if !has(elf::SHF_ALLOC) {
            Kind::Other
        } else if has(elf::SHF_EXECINSTR) {
            Kind::Code
        } else if has(elf::SHF_WRITE) && !has(elf::SHF_TLS) && !is_relocated_constant(name) {
            Kind::Writable
        } else {
            Kind::Constant
        }
    }

    /// The names of the variables in a section.
    pub fn variables(&self, (member, section): Place) -> Vec<&'data [u8]> {
        let symbols = &self.members[member].symbols;
        let inside = symbols.iter().filter(|symbol| {
            symbol.st_type() == elf::STT_OBJECT && usize::from(symbol.st_shndx(LE).0) == section
        });
        inside
            .filter_map(|symbol| symbol.name(LE, symbols.strings()).ok())
            .collect()
    }

    pub fn references(&self, place: Place) -> Result<Vec<Reference<'data>>, object::Error> {
        let member = &self.members[place.0];
        let Some(relocations) = member.relocations.get(&place.1) else {
            return Ok(Vec::new());
        };
        let section = member.sections.section(SectionIndex(*relocations))?;
        let Some((relocations, _)) = section.rela(LE, member.data)? else {
            return Ok(Vec::new());
        };
        let reference = |relocation: &'data Rela64<LE>| -> Result<_, object::Error> {
            let Some(symbol) = relocation.symbol(LE, false) else {
                return Ok(None);
            };
            let symbol = member.symbols.symbol(symbol)?;
            let section = usize::from(symbol.st_shndx(LE).0);
            let target = if section != 0 && section < member.sections.len() {
                Target::Section((place.0, section))
            } else {
                Target::Symbol(symbol.name(LE, member.symbols.strings())?)
            };
            let offset = relocation.r_offset(LE);
            Ok(Some(Reference { offset, target }))
        };
        let found: Result<Vec<_>, _> = relocations.iter().map(reference).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// Whether a section is a vtable: drop, size and alignment, then methods. The second and third
    /// word are not pointers.
    pub fn is_vtable(&self, place: Place, references: &[Reference<'_>]) -> bool {
        let word = |index: u64| references.iter().any(|it| it.offset == index * 8);
        let size = self.section(place).map_or(0, |section| section.sh_size(LE));
        self.kind(place) == Kind::Constant
            && size >= 32
            && !word(1)
            && !word(2)
            && (3..size / 8).any(word)
    }
}

/// Whether a section is read-only after relocation; with `l` under `-C code-model=large`.
fn is_relocated_constant(name: &[u8]) -> bool {
    name.starts_with(b".data.rel.ro") || name.starts_with(b".ldata.rel.ro")
}
