//! Finds the developer's objects that contain a gdb breakpoint, and checks whether their debug
//! information has variables. It reads the objects, because generic and inlined code of a crate is
//! in the objects of the crates that use it.

use std::{error::Error, fs, path::Path};

use gimli::{AttributeValue, EndianSlice, LittleEndian};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

/// The location of a breakpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    File(&'a str),
    Function(&'a str),
}

impl<'a> Place<'a> {
    /// Parses `FILE:LINE`, or the path of a function.
    pub fn parse(place: &'a str) -> Self {
        match place.rsplit_once(':') {
            Some((file, line)) if line.parse::<u32>().is_ok() => Self::File(file),
            _ => Self::Function(place),
        }
    }
}

/// An object's debug information.
pub struct DebugObject<'d> {
    file: object::File<'d>,
    dwarf: gimli::Dwarf<EndianSlice<'d, LittleEndian>>,
}

/// Whether one of the places is in an object with line tables only, so that gdb can show no
/// variables there. False if the object cannot be read.
pub fn lacks_variables(path: &Path, places: &[Place<'_>]) -> bool {
    let data = fs::read(path).unwrap_or_default();
    let check = || -> Result<bool, Box<dyn Error>> {
        let object = DebugObject::parse(&data)?;
        Ok(!object.has_variables()?
            && places
                .iter()
                .any(|place| object.has(*place).unwrap_or(false)))
    };
    check().unwrap_or(false)
}

impl<'d> DebugObject<'d> {
    fn parse(data: &'d [u8]) -> Result<Self, Box<dyn Error>> {
        let file = object::File::parse(data)?;
        let section = |id: gimli::SectionId| -> Result<_, object::Error> {
            let section = file.section_by_name(id.name());
            let content = section.map(|section| section.data()).transpose()?;
            Ok(EndianSlice::new(content.unwrap_or_default(), LittleEndian))
        };
        let dwarf = gimli::Dwarf::load(section)?;
        Ok(Self { file, dwarf })
    }

    fn has_variables(&self) -> Result<bool, gimli::Error> {
        let mut units = self.dwarf.units();
        while let Some(unit) = units.next()? {
            // The abbreviations of a unit list all kinds of its entries. Codes start at 1.
            let known = self.dwarf.abbreviations(&unit)?;
            let mut kinds = (1..).map_while(|code| known.get(code));
            let is_variable =
                |tag| matches!(tag, gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable);
            if kinds.any(|kind| is_variable(kind.tag())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has(&self, place: Place<'_>) -> Result<bool, gimli::Error> {
        match place {
            Place::File(file) => self.has_file(file),
            Place::Function(path) => Ok(self.has_function(path)),
        }
    }

    /// Whether the object has lines of a file. `file` may be the end of a path.
    fn has_file(&self, file: &str) -> Result<bool, gimli::Error> {
        let mut units = self.dwarf.units();
        while let Some(header) = units.next()? {
            let unit = self.dwarf.unit(header)?;
            let Some(program) = &unit.line_program else {
                continue;
            };
            let header = program.header();
            let text = |value: AttributeValue<_>| {
                let text = self.dwarf.attr_string(&unit, value)?;
                Ok::<_, gimli::Error>(text.to_string_lossy().into_owned())
            };
            for entry in header.file_names() {
                let directory = entry.directory(header).map(text).transpose()?;
                let name = text(entry.path_name())?;
                let path = Path::new(directory.as_deref().unwrap_or_default()).join(name);
                if is_path(&path, file) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn has_function(&self, path: &str) -> bool {
        let mut names = self.file.symbols().filter_map(|symbol| symbol.name().ok());
        names.any(|name| is_function(&format!("{:#}", rustc_demangle::demangle(name)), path))
    }
}

/// Whether `given` names `path`. A relative path is relative to the directory in which rustc ran,
/// which is unknown here.
fn is_path(path: &Path, given: &str) -> bool {
    path.ends_with(given)
        || path.is_relative() && Path::new(given).is_absolute() && Path::new(given).ends_with(path)
}

/// Whether `given` names a function or one nested in it, such as the expansion of `#[kt::remote]`.
fn is_function(name: &str, given: &str) -> bool {
    let inside = format!("::{name}::");
    inside.contains(&format!("::{given}::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_with_a_line_or_a_function() {
        assert_eq!(Place::parse("src/main.rs:7"), Place::File("src/main.rs"));
        assert_eq!(Place::parse("app::work"), Place::Function("app::work"));
        assert_eq!(Place::parse("work"), Place::Function("work"));
    }

    #[test]
    fn a_file_is_found_by_the_end_of_its_path() {
        let is = |path: &str, given| is_path(Path::new(path), given);
        assert!(is("src/main.rs", "main.rs") && is("src/main.rs", "/w/app/src/main.rs"));
        assert!(is("src/inner/../../other/odd.rs", "other/odd.rs"));
        assert!(!is("src/main.rs", "ain.rs") && !is("/w/src/main.rs", "app/src/main.rs"));
        assert!(!is("src/main.rs", "/w/app/src/lib.rs"));
    }

    #[test]
    fn a_function_is_found_by_whole_segments_of_its_path() {
        for given in ["wrap", "textwrap::wrap", "textwrap::wrap::wrap"] {
            assert!(is_function("textwrap::wrap::wrap", given), "{given}");
        }
        assert!(is_function("one::greet::greet::{{closure}}", "one::greet"));
        assert!(!is_function("textwrap::wrap::wrap", "rap"));
        assert!(!is_function("textwrap::wrap::wrap", "other::wrap"));
    }

    #[test]
    fn an_object_lists_its_files_functions_and_variables() {
        // This test's own executable, which has all of them.
        let data = fs::read(std::env::current_exe().unwrap()).unwrap();
        let object = DebugObject::parse(&data).unwrap();
        assert!(object.has_variables().unwrap());
        assert!(object.has(Place::File("debug/variables.rs")).unwrap());
        assert!(!object.has(Place::File("debug/no_such_file.rs")).unwrap());
        assert!(
            object
                .has(Place::Function("variables::is_function"))
                .unwrap()
        );
        assert!(
            !object
                .has(Place::Function("variables::no_such_function"))
                .unwrap()
        );
    }
}
