//! What a type looks like in memory, in a form that can be hashed, stored and compared.

use serde::{Deserialize, Serialize};

/// The graph of everything that can be reached from one type.
///
/// Types are numbered in the order in which a breadth-first walk from the first one meets them, following parts in
/// order. Two equal graphs are therefore equal value for value, and a cycle is just a number that was given before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The state's own type first.
    pub types: Vec<Type>,
}

/// One type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Type {
    pub form: Form,
    /// With its path; without what only says where in a file something stands (`{impl#3}` is `{impl}`).
    pub name: String,
    /// The crate that defines it, by the name rustc gives to its namespace; `None` for what the language defines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub align: Option<u64>,
    /// How the bits are read (`DW_AT_encoding`), of a base type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<u64>,
    /// Fields in the order of the source (which derived impls follow), with their offsets; variants; parameters …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// What kind of type it is, after DWARF's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    Base,
    Structure,
    Union,
    /// An enum whose variants hold nothing.
    Enumeration,
    Pointer,
    Array,
    Subroutine,
}

/// One thing that a type is made of or stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub role: Role,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// In bytes from the start of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The discriminant or niche value of a variant, the value of an enumerator or const parameter, an array's length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Which of [`Description::types`]; none for `()` as a result and for enumerators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    Field,
    /// Where an enum says which variant it holds.
    Discriminant,
    Variant,
    Enumerator,
    /// A generic parameter, also where nothing of that type is inside (`PhantomData`, erased pointers).
    Parameter,
    Pointee,
    Element,
    Argument,
    Result,
}
