//! The functions of an ELF file, from its symbol tables.

use std::{fs, io, ops::Range, path::Path};

use object::{Object, ObjectSymbol, SymbolKind};

/// Limit of a file's size in bytes.
const LARGEST: u64 = 512 << 20;

/// Names of functions, as the linker knows them.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Sorted by start.
    functions: Vec<(Range<u64>, String)>,
}

impl Symbols {
    /// # Errors
    /// If the file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.len() > LARGEST {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Self::of(&fs::read(path)?)
    }

    /// # Errors
    /// If it is not an ELF file.
    pub fn of(bytes: &[u8]) -> io::Result<Self> {
        let file = object::File::parse(bytes).map_err(io::Error::other)?;
        let function = |symbol: object::Symbol<'_, '_>| {
            let is_function = symbol.kind() == SymbolKind::Text && symbol.is_definition();
            let name = symbol.name().ok().filter(|_| is_function)?;
            let start = symbol.address();
            Some((start..start.checked_add(symbol.size())?, name.to_owned()))
        };
        let mut functions: Vec<_> = file.symbols().filter_map(function).collect();
        if functions.is_empty() {
            functions = file.dynamic_symbols().filter_map(function).collect();
        }
        functions.sort_by_key(|(range, _)| (range.start, range.end));
        Ok(Self { functions })
    }

    /// The function that contains an offset.
    pub fn name(&self, offset: u64) -> Option<&str> {
        let behind = self
            .functions
            .partition_point(|(range, _)| range.start <= offset);
        let (range, name) = self.functions.get(behind.checked_sub(1)?)?;
        // Assembly functions may have no size.
        (range.contains(&offset) || range.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_this_executable_has_a_name() {
        let path = std::env::current_exe().unwrap();
        let symbols = Symbols::of_file(&path).unwrap();
        let (range, name) = symbols
            .functions
            .iter()
            .find(|(it, _)| it.end - it.start > 8)
            .unwrap();
        assert_eq!(symbols.name(range.start + 4), Some(name.as_str()));
        assert_eq!(symbols.name(0), None);
        assert!(Symbols::of(b"no ELF").is_err());
    }
}
