//! The layout of a type in memory, in a form that can be hashed, stored and compared.

use serde::{Deserialize, Serialize};

/// The graph of all types reachable from one type.
///
/// Types are numbered in the order in which a breadth-first walk from the first one meets them,
/// following parts in order. So equal graphs are equal as values, and a cycle is a reference to an
/// earlier number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The state's own type is first.
    pub types: Vec<Type>,
}

/// One type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Type {
    pub form: Form,
    /// With its path, but without numbers that only encode a position in a file (`{impl#3}` is
    /// `{impl}`).
    pub name: String,
    /// The crate that defines it, as named in rustc's namespaces; `None` for types of the language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub align: Option<u64>,
    /// The encoding of a base type (`DW_AT_encoding`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<u64>,
    /// Fields in source order (which derived impls follow), with their offsets; variants;
    /// parameters …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// The kind of a type, after DWARF's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    Base,
    Structure,
    Union,
    /// A fieldless enum.
    Enumeration,
    Pointer,
    Array,
    Subroutine,
}

/// One component of a type, or a type that it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub role: Role,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// In bytes from the start of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The discriminant or niche value of a variant, the value of an enumerator or const parameter,
    /// an array's length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Index in [`Description::types`]; `None` for `()` as a result and for enumerators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    Field,
    /// Where an enum stores which variant it holds.
    Discriminant,
    Variant,
    Enumerator,
    /// A generic parameter, even if the type has no value of it (`PhantomData`, erased pointers).
    Parameter,
    Pointee,
    Element,
    Argument,
    Result,
}
