//! Reads names, needed libraries and symbols of ELF files. 64-bit little-endian only, as are all
//! targets of kt.

use kt::wire::platform::Glibc;
use object::{
    LittleEndian as LE,
    elf::{self, FileHeader64},
    read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _, Sym as _},
};

type File<'data> = ElfFile64<'data, LE>;

/// What the dynamic linker reads from a shared object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dynamic {
    pub soname: Option<String>,
    /// The sonames in `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// In hex.
    pub build_id: Option<String>,
    /// The newest `GLIBC_x.y` among its version needs.
    pub glibc: Option<Glibc>,
    /// Bytes of static TLS that it requires (`DF_STATIC_TLS`, initial-exec accesses). Static TLS is
    /// scarce for objects loaded with `dlopen`.
    pub static_tls: u64,
}

/// Reads the dynamic section of a shared object or executable.
pub fn dynamic(data: &[u8]) -> Result<Dynamic, object::Error> {
    let file = File::parse(data)?;
    let mut facts = Dynamic {
        glibc: glibc(&file, data)?,
        ..Dynamic::default()
    };
    let table = file.elf_section_table().dynamic_table(LE, data)?;
    let text = |offset: u64| -> Result<String, object::Error> {
        let name = table
            .strings()
            .get(u32::try_from(offset).unwrap_or(u32::MAX))
            .unwrap_or_default();
        Ok(String::from_utf8_lossy(name).into_owned())
    };
    let mut needs_static_tls = false;
    for entry in table.dynamics() {
        let value = entry.d_val(LE);
        match entry.d_tag(LE) {
            elf::DT_NEEDED => facts.needed.push(text(value)?),
            elf::DT_SONAME => facts.soname = Some(text(value)?),
            elf::DT_FLAGS => needs_static_tls = value & elf::DF_STATIC_TLS.0 != 0,
            _ => {}
        }
    }
    if needs_static_tls {
        let segments = file.elf_program_headers().iter();
        facts.static_tls = segments
            .filter(|s| s.p_type(LE) == elf::PT_TLS)
            .map(|s| s.p_memsz(LE))
            .sum();
    }
    facts.build_id = object::Object::build_id(&file)?
        .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(facts)
}

fn glibc(file: &File<'_>, data: &[u8]) -> Result<Option<Glibc>, object::Error> {
    let Some((mut needs, link)) = file.elf_section_table().gnu_verneed(LE, data)? else {
        return Ok(None);
    };
    let strings = file.elf_section_table().strings(LE, data, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            newest = newest.max(parse_glibc(version.name(LE, strings)?));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` → 2.34; `None` for `GLIBC_PRIVATE` and versions of other libraries.
fn parse_glibc(version: &[u8]) -> Option<Glibc> {
    let version = std::str::from_utf8(version).ok()?.strip_prefix("GLIBC_")?;
    // The first versions have three numbers: `GLIBC_2.2.5`.
    let mut numbers = version.split('.');
    Some(Glibc(
        numbers.next()?.parse().ok()?,
        numbers.next()?.parse().ok()?,
    ))
}

/// Names in `.dynsym` that this object defines.
pub fn exports(data: &[u8]) -> Result<Vec<&[u8]>, object::Error> {
    let file = File::parse(data)?;
    let table = file.elf_dynamic_symbol_table();
    let defined = table
        .iter()
        .filter(|symbol| symbol.st_shndx(LE) != elf::SHN_UNDEF);
    Ok(defined
        .filter_map(|symbol| symbol.name(LE, table.strings()).ok())
        .filter(|name| !name.is_empty())
        .collect())
}

/// Those of [`exports`] that start with `prefix`, without it, sorted.
pub fn exports_after(data: &[u8], prefix: &str) -> Result<Vec<String>, object::Error> {
    let names = exports(data)?;
    let rest = names
        .iter()
        .filter_map(|name| name.strip_prefix(prefix.as_bytes()));
    let mut rest: Vec<_> = rest
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    rest.sort();
    Ok(rest)
}

/// Whether these bytes are a relocatable object file.
pub(super) fn is_object(data: &[u8]) -> bool {
    FileHeader64::<LE>::parse(data).is_ok_and(|header| header.e_type(LE) == elf::ET_REL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_versions_are_compared_as_numbers() {
        assert_eq!(parse_glibc(b"GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert!(parse_glibc(b"GLIBC_2.34") > parse_glibc(b"GLIBC_2.4"));
        assert_eq!(parse_glibc(b"GLIBC_PRIVATE"), None);
        assert_eq!(parse_glibc(b"GCC_3.0"), None);
    }

    #[test]
    fn other_files_are_not_objects() {
        assert!(!is_object(b"!<arch>\n"));
        assert!(dynamic(b"\x7fELF").is_err());
    }
}
