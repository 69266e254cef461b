//! Walks from one type through all types that it reaches.

use std::collections::HashMap;

use gimli::{AttributeValue, DwAt, EntriesTreeNode};

use super::DwarfError;
use super::index::{Entry, EntryOffset, Index, Unit, reference, text, without_position};
use super::object::{Dwarf, Reader};
use crate::layout::description::{Description, Form, Part, Role, Type};

/// More than any real state reaches: a guard against corrupt debug information.
const MAX_TYPES: usize = 100_000;

/// Describes a type and all types that it reaches.
pub fn describe(
    dwarf: &Dwarf<'_>,
    index: &Index<'_>,
    root: EntryOffset,
) -> Result<Description, DwarfError> {
    let mut numbers = Numbers {
        order: vec![root],
        given: HashMap::from([(root, 0)]),
    };
    let mut types = Vec::new();
    while let Some(&entry) = numbers.order.get(types.len()) {
        if types.len() > MAX_TYPES {
            return Err(DwarfError::Unexpected(format!(
                "it reaches more than {MAX_TYPES} types"
            )));
        }
        types.push(describe_one(dwarf, index, entry, &mut numbers)?);
    }
    Ok(Description { types })
}

/// The number of each entry in the description.
struct Numbers {
    order: Vec<EntryOffset>,
    given: HashMap<EntryOffset, usize>,
}

impl Numbers {
    fn of(&mut self, entry: EntryOffset) -> usize {
        *self.given.entry(entry).or_insert_with(|| {
            self.order.push(entry);
            self.order.len() - 1
        })
    }
}

/// Reads the attributes of entries of one unit.
struct Attributes<'d, 'a> {
    dwarf: &'d Dwarf<'a>,
    unit: &'d Unit<'a>,
    start: usize,
}

impl<'a> Attributes<'_, 'a> {
    fn name(&self, entry: &Entry<'a>) -> Result<String, DwarfError> {
        match entry.attr_value(gimli::DW_AT_name) {
            Some(value) => Ok(without_position(&text(self.dwarf, self.unit, value)?)),
            None => Ok(String::new()),
        }
    }

    fn target(&self, entry: &Entry<'a>, numbers: &mut Numbers) -> Option<usize> {
        let value = entry.attr_value(gimli::DW_AT_type)?;
        reference(self.start, &value).map(|target| numbers.of(target))
    }

    /// An integer of any width and sign, as text.
    fn value(&self, entry: &Entry<'a>, name: DwAt) -> Result<Option<String>, DwarfError> {
        let Some(attribute) = entry.attr(name) else {
            return Ok(None);
        };
        if let AttributeValue::Block(block) = attribute.value() {
            let bytes = gimli::Reader::to_slice(&block)?;
            return Ok(Some(
                bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            ));
        }
        // Sign and form depend only on the value and its type, so the same value is always the same
        // text.
        let number = attribute
            .udata_value()
            .map(i128::from)
            .or(attribute.sdata_value().map(i128::from));
        match number {
            Some(number) => Ok(Some(number.to_string())),
            None => Err(DwarfError::Unexpected(format!(
                "{name} is {:?}",
                attribute.value()
            ))),
        }
    }

    fn number(&self, entry: &Entry<'a>, name: DwAt) -> Result<Option<u64>, DwarfError> {
        let Some(attribute) = entry.attr(name) else {
            return Ok(None);
        };
        attribute
            .udata_value()
            .map(Some)
            .ok_or_else(|| DwarfError::Unexpected(format!("{name} is not a constant")))
    }

    fn part(
        &self,
        role: Role,
        entry: &Entry<'a>,
        numbers: &mut Numbers,
    ) -> Result<Part, DwarfError> {
        if entry.has_attr(gimli::DW_AT_bit_size) {
            return Err(DwarfError::Unexpected("a bit field".to_owned()));
        }
        Ok(Part {
            role,
            name: self.name(entry)?,
            offset: self.number(entry, gimli::DW_AT_data_member_location)?,
            value: self.value(entry, gimli::DW_AT_const_value)?,
            target: self.target(entry, numbers),
        })
    }
}

fn describe_one(
    dwarf: &Dwarf<'_>,
    index: &Index<'_>,
    offset: EntryOffset,
    numbers: &mut Numbers,
) -> Result<Type, DwarfError> {
    let lost = || DwarfError::Unexpected(format!("no unit has the entry at {:#x}", offset.0));
    let (start, unit) = index.unit_of(offset).ok_or_else(lost)?;
    let attributes = Attributes { dwarf, unit, start };
    let mut tree = unit.entries_tree(Some(gimli::UnitOffset(offset.0 - start)))?;
    let root = tree.root()?;
    let entry = root.entry();

    let form = match entry.tag() {
        gimli::DW_TAG_base_type => Form::Base,
        gimli::DW_TAG_structure_type => Form::Structure,
        gimli::DW_TAG_union_type => Form::Union,
        gimli::DW_TAG_enumeration_type => Form::Enumeration,
        gimli::DW_TAG_pointer_type => Form::Pointer,
        gimli::DW_TAG_array_type => Form::Array,
        gimli::DW_TAG_subroutine_type => Form::Subroutine,
        tag => return Err(DwarfError::Unexpected(format!("a type with the tag {tag}"))),
    };
    let name = attributes.name(entry)?;
    if entry.has_attr(gimli::DW_AT_declaration) {
        return Err(DwarfError::Unexpected(format!("`{name}` is only declared")));
    }
    let path = index.path_of(offset);
    let mut described = Type {
        form,
        home: path.first().map(|home| (*home).to_owned()),
        name: path
            .iter()
            .copied()
            .chain([name.as_str()])
            .collect::<Vec<_>>()
            .join("::"),
        size: attributes.number(entry, gimli::DW_AT_byte_size)?,
        align: attributes.number(entry, gimli::DW_AT_alignment)?,
        encoding: match entry.attr_value(gimli::DW_AT_encoding) {
            Some(AttributeValue::Encoding(encoding)) => Some(u64::from(encoding.0)),
            _ => None,
        },
        parts: Vec::new(),
    };
    let role = match form {
        Form::Pointer => Some(Role::Pointee),
        Form::Array => Some(Role::Element),
        Form::Subroutine => Some(Role::Result),
        // The integer type of a fieldless enum.
        Form::Enumeration => Some(Role::Discriminant),
        _ => None,
    };
    if let Some(role) = role {
        let target = attributes.target(entry, numbers);
        described.parts.push(Part {
            role,
            name: String::new(),
            offset: None,
            value: None,
            target,
        });
    }
    add_children(&attributes, root, &mut described, numbers)?;
    Ok(described)
}

fn add_children<'a>(
    attributes: &Attributes<'_, 'a>,
    node: EntriesTreeNode<'_, '_, Reader<'a>>,
    described: &mut Type,
    numbers: &mut Numbers,
) -> Result<(), DwarfError> {
    let mut children = node.children();
    while let Some(child) = children.next()? {
        let entry = child.entry();
        match entry.tag() {
            gimli::DW_TAG_member => {
                described
                    .parts
                    .push(attributes.part(Role::Field, entry, numbers)?)
            }
            gimli::DW_TAG_enumerator => {
                described
                    .parts
                    .push(attributes.part(Role::Enumerator, entry, numbers)?)
            }
            gimli::DW_TAG_formal_parameter => {
                described
                    .parts
                    .push(attributes.part(Role::Argument, entry, numbers)?)
            }
            gimli::DW_TAG_template_type_parameter | gimli::DW_TAG_template_value_parameter => {
                described
                    .parts
                    .push(attributes.part(Role::Parameter, entry, numbers)?);
            }
            gimli::DW_TAG_subrange_type => add_length(attributes, entry, described)?,
            gimli::DW_TAG_variant_part => add_variants(attributes, child, described, numbers)?,
            // Nested entries that are not part of the type: the structures of variants (which the
            // variants refer to), methods, statics.
            gimli::DW_TAG_structure_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_enumeration_type
            | gimli::DW_TAG_subprogram
            | gimli::DW_TAG_variable => {}
            tag => {
                return Err(DwarfError::Unexpected(format!(
                    "a {tag} in `{}`",
                    described.name
                )));
            }
        }
    }
    Ok(())
}

fn add_length<'a>(
    attributes: &Attributes<'_, 'a>,
    entry: &Entry<'a>,
    described: &mut Type,
) -> Result<(), DwarfError> {
    let Some(length) = attributes.value(entry, gimli::DW_AT_count)? else {
        return Err(DwarfError::Unexpected(
            "an array without a length".to_owned(),
        ));
    };
    if entry.has_attr(gimli::DW_AT_upper_bound)
        || attributes
            .number(entry, gimli::DW_AT_lower_bound)?
            .unwrap_or(0)
            != 0
    {
        return Err(DwarfError::Unexpected("an array with bounds".to_owned()));
    }
    match described.parts.first_mut() {
        Some(element) if element.role == Role::Element && element.value.is_none() => {
            element.value = Some(length)
        }
        _ => {
            return Err(DwarfError::Unexpected(
                "an array of more than one dimension".to_owned(),
            ));
        }
    }
    Ok(())
}

/// An enum: where its discriminant is, which value of it selects which variant (none for the
/// variant with the niche), and the fields of each variant.
fn add_variants<'a>(
    attributes: &Attributes<'_, 'a>,
    node: EntriesTreeNode<'_, '_, Reader<'a>>,
    described: &mut Type,
    numbers: &mut Numbers,
) -> Result<(), DwarfError> {
    let discriminant = node.entry().attr_value(gimli::DW_AT_discr);
    let discriminant = discriminant.and_then(|value| reference(attributes.start, &value));
    let mut found = false;
    let mut children = node.children();
    while let Some(child) = children.next()? {
        let entry = child.entry();
        match entry.tag() {
            gimli::DW_TAG_member => {
                found = Some(EntryOffset(attributes.start + entry.offset().0)) == discriminant;
                described
                    .parts
                    .push(attributes.part(Role::Discriminant, entry, numbers)?);
            }
            gimli::DW_TAG_variant => {
                if entry.has_attr(gimli::DW_AT_discr_list) {
                    return Err(DwarfError::Unexpected(
                        "a variant with several discriminants".to_owned(),
                    ));
                }
                let value = attributes.value(entry, gimli::DW_AT_discr_value)?;
                add_variant(attributes, child, value, described, numbers)?;
            }
            tag => return Err(DwarfError::Unexpected(format!("a {tag} among variants"))),
        }
    }
    if discriminant.is_some() != found {
        return Err(DwarfError::Unexpected(format!(
            "no discriminant of `{}` at its declared place",
            described.name
        )));
    }
    Ok(())
}

fn add_variant<'a>(
    attributes: &Attributes<'_, 'a>,
    node: EntriesTreeNode<'_, '_, Reader<'a>>,
    value: Option<String>,
    described: &mut Type,
    numbers: &mut Numbers,
) -> Result<(), DwarfError> {
    let mut members = node.children();
    let mut count = 0;
    while let Some(member) = members.next()? {
        let entry = member.entry();
        count += 1;
        if entry.tag() != gimli::DW_TAG_member || count > 1 {
            return Err(DwarfError::Unexpected(format!(
                "the contents of a variant of `{}`",
                described.name
            )));
        }
        let part = attributes.part(Role::Variant, entry, numbers)?;
        described.parts.push(Part {
            value: value.clone(),
            ..part
        });
    }
    Ok(())
}
