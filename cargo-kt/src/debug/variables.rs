//! Which of the developer's crates a breakpoint of the debugger's own lies in, and whether their debug information has variables.

use std::{fs, path::Path};

use camino::Utf8Path;
use gimli::{EndianSlice, LittleEndian};
use object::{Object as _, ObjectSection as _};

use crate::build::Snapshot;

/// Where gdb is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    File(&'a str),
    Function(&'a str),
}

impl<'a> Place<'a> {
    /// As typed: `FILE:LINE`, or the path of a function.
    pub fn parse(place: &'a str) -> Self {
        match place.rsplit_once(':') {
            Some((file, line)) if line.parse::<u32>().is_ok() => Self::File(file),
            _ => Self::Function(place),
        }
    }

    /// Whether it may be in a crate of this name that was made of these sources.
    pub fn may_be_in(self, crate_name: &str, sources: Option<&Snapshot>) -> bool {
        match self {
            // A file may be said as far as it tells it from others.
            Self::File(file) => sources.is_some_and(|sources| {
                let mut files = sources.files.iter();
                files.any(|(path, _)| path.ends_with(Utf8Path::new(file)))
            }),
            // One without a path may be anywhere.
            Self::Function(path) => match path.split_once("::") {
                Some((first, _)) => first == crate_name,
                None => true,
            },
        }
    }
}

/// Whether the debug information of an object has variables, and not only lines. What cannot be read has none.
pub fn has_variables(object: &Path) -> bool {
    let data = fs::read(object).unwrap_or_default();
    find_variables(&data).unwrap_or(false)
}

fn find_variables(data: &[u8]) -> Result<bool, Box<dyn std::error::Error>> {
    let file = object::File::parse(data)?;
    let section = |name: &str| match file.section_by_name(name) {
        Some(section) => section.data(),
        None => Ok(&[][..]),
    };
    let info = gimli::DebugInfo::from(EndianSlice::new(section(".debug_info")?, LittleEndian));
    let abbreviations = section(".debug_abbrev")?;
    let abbreviations = gimli::DebugAbbrev::from(EndianSlice::new(abbreviations, LittleEndian));
    let mut units = info.units();
    while let Some(unit) = units.next()? {
        // Each kind of entry that a unit has is among its abbreviations, which are numbered from 1.
        let known = unit.abbreviations(&abbreviations)?;
        let mut kinds = (1..).map_while(|code| known.get(code));
        let is_variable =
            |tag| matches!(tag, gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable);
        if kinds.any(|kind| is_variable(kind.tag())) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_crates_that_have_its_file_or_are_named_in_its_path() {
        let snapshot = Snapshot {
            directory: "/w".into(),
            files: vec![("/w/app/src/main.rs".into(), String::new())],
        };
        let is_in = |place: &str| Place::parse(place).may_be_in("app", Some(&snapshot));
        for place in [
            "src/main.rs:7",
            "main.rs:7",
            "/w/app/src/main.rs:7",
            "app::work",
            "work",
        ] {
            assert!(is_in(place), "{place}");
        }
        for place in [
            "src/lib.rs:7",
            "ain.rs:7",
            "/w/src/main.rs:7",
            "below::work",
        ] {
            assert!(!is_in(place), "{place}");
        }
        assert!(!Place::parse("src/main.rs:7").may_be_in("app", None));
    }
}
