//! One pass over all entries: the scope of each type, and the requested variables.

use std::collections::HashMap;

use gimli::AttributeValue;

use super::DwarfError;
use super::object::{Dwarf, Reader};

pub type Unit<'a> = gimli::Unit<Reader<'a>>;
pub type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;

/// An entry's offset in `.debug_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryOffset(pub usize);

/// A namespace or a type with nested entries; 0 is the root.
type Scope = usize;

pub struct Index<'a> {
    units: Vec<(EntryOffset, Unit<'a>)>,
    /// Name and enclosing scope.
    scopes: Vec<(String, Scope)>,
    /// Types that are not at the root, by offset.
    types: Vec<(EntryOffset, Scope)>,
    /// The type of each requested variable.
    variables: HashMap<String, EntryOffset>,
}

impl<'a> Index<'a> {
    pub fn build(dwarf: &Dwarf<'a>, linkage_names: &[String]) -> Result<Self, DwarfError> {
        let mut index = Self {
            units: Vec::new(),
            scopes: vec![(String::new(), 0)],
            types: Vec::new(),
            variables: HashMap::new(),
        };
        let mut headers = dwarf.units();
        while let Some(header) = headers.next()? {
            let unit = dwarf.unit(header)?;
            let Some(start) = unit.header.debug_info_offset() else {
                continue;
            };
            index.add_unit(dwarf, &unit, start.0, linkage_names)?;
            index.units.push((EntryOffset(start.0), unit));
        }
        Ok(index)
    }

    fn add_unit(
        &mut self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        start: usize,
        linkage_names: &[String],
    ) -> Result<(), DwarfError> {
        let mut entries = unit.entries_raw(None)?;
        // The scope of the entries at each depth.
        let mut scopes: Vec<Scope> = vec![0];
        while !entries.is_empty() {
            let offset = EntryOffset(start + entries.next_offset().0);
            let depth = usize::try_from(entries.next_depth()).unwrap_or(0);
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            let scope = scopes.get(depth).copied().unwrap_or(0);
            let mut inner = scope;
            match abbreviation.tag() {
                tag @ (gimli::DW_TAG_namespace
                | gimli::DW_TAG_structure_type
                | gimli::DW_TAG_union_type
                | gimli::DW_TAG_enumeration_type) => {
                    let mut name = String::new();
                    for specification in abbreviation.attributes() {
                        let attribute = entries.read_attribute(*specification)?;
                        if attribute.name() == gimli::DW_AT_name {
                            name = text(dwarf, unit, attribute.value())?;
                        }
                    }
                    if tag != gimli::DW_TAG_namespace && scope != 0 {
                        self.types.push((offset, scope));
                    }
                    // Types at the root have complete names, and nothing relevant nested in them.
                    if abbreviation.has_children() && (tag == gimli::DW_TAG_namespace || scope != 0)
                    {
                        inner = self.scopes.len();
                        self.scopes.push((without_position(&name), scope));
                    }
                }
                gimli::DW_TAG_variable
                    if abbreviation
                        .attributes()
                        .iter()
                        .any(|it| it.name() == gimli::DW_AT_linkage_name) =>
                {
                    let (mut name, mut of_type) = (None, None);
                    for specification in abbreviation.attributes() {
                        let attribute = entries.read_attribute(*specification)?;
                        match attribute.name() {
                            gimli::DW_AT_linkage_name => {
                                name = Some(text(dwarf, unit, attribute.value())?)
                            }
                            gimli::DW_AT_type => of_type = reference(start, &attribute.value()),
                            _ => {}
                        }
                    }
                    if let (Some(name), Some(of_type)) = (name, of_type)
                        && linkage_names.contains(&name)
                    {
                        self.variables.insert(name, of_type);
                    }
                }
                _ => entries.skip_attributes(abbreviation.attributes())?,
            }
            if abbreviation.has_children() {
                scopes.truncate(depth + 1);
                scopes.push(inner);
            }
        }
        Ok(())
    }

    /// The type of a requested variable.
    pub fn variable(&self, linkage_name: &str) -> Option<EntryOffset> {
        self.variables.get(linkage_name).copied()
    }

    /// The unit with an entry, and the unit's offset.
    pub fn unit_of(&self, entry: EntryOffset) -> Option<(usize, &Unit<'a>)> {
        let after = self.units.partition_point(|(start, _)| *start <= entry);
        self.units
            .get(after.checked_sub(1)?)
            .map(|(start, unit)| (start.0, unit))
    }

    /// The path of the scopes around a type, outermost first; empty for types at the root.
    pub fn path_of(&self, entry: EntryOffset) -> Vec<&str> {
        let mut path = Vec::new();
        let found = self
            .types
            .binary_search_by_key(&entry, |(offset, _)| *offset);
        let mut scope = found.map_or(0, |position| self.types[position].1);
        while scope != 0 {
            let (name, parent) = &self.scopes[scope];
            path.push(name.as_str());
            scope = *parent;
        }
        path.reverse();
        path
    }
}

/// The entry that an attribute points to.
pub fn reference(unit_start: usize, value: &AttributeValue<Reader<'_>>) -> Option<EntryOffset> {
    match value {
        AttributeValue::UnitRef(offset) => Some(EntryOffset(unit_start + offset.0)),
        AttributeValue::DebugInfoRef(offset) => Some(EntryOffset(offset.0)),
        _ => None,
    }
}

/// The string that an attribute holds.
pub fn text<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    value: AttributeValue<Reader<'a>>,
) -> Result<String, DwarfError> {
    let string = dwarf.attr_string(unit, value)?;
    let bytes = gimli::Reader::to_slice(&string)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Turns `{impl#3}` and `{closure_env#0}` into `{impl}` and `{closure_env}`: the number is only a
/// position.
pub fn without_position(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('{') {
        let (before, from_open) = rest.split_at(open);
        result.push_str(before);
        rest = from_open;
        let Some(close) = from_open.find('}') else {
            break;
        };
        let inside = &from_open[1..close];
        let numbered = inside.split_once('#').filter(|(prefix, number)| {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && prefix
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        match numbered {
            Some((prefix, _)) => {
                result.push('{');
                result.push_str(prefix);
                result.push('}');
                rest = &from_open[close + 1..];
            }
            None => {
                result.push('{');
                rest = &from_open[1..];
            }
        }
    }
    result.push_str(rest);
    result
}
