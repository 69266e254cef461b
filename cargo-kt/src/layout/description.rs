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

impl Description {
    /// The first difference from `new`, as a person would put it: "field `x` of `demo::Item`: `u64` → `u32`".
    /// `None` when there is none.
    pub fn difference(&self, new: &Description) -> Option<String> {
        let mut pairs = vec![(0, 0)];
        let mut seen = std::collections::HashSet::from([(0, 0)]);
        let mut next = 0;
        // Breadth first, so that the difference nearest to the state is told; but what only follows from another
        // difference further inside (a size, a niche, the parameter in a name) waits until no other was found.
        let mut consequence = None;
        while let Some(&(old_index, new_index)) = pairs.get(next) {
            next += 1;
            let (Some(old_type), Some(new_type)) =
                (self.types.get(old_index), new.types.get(new_index))
            else {
                return Some("its description is damaged".to_owned());
            };
            match self.difference_of(old_type, new, new_type) {
                Some((difference, Weight::Cause)) => return Some(difference),
                Some((difference, Weight::Consequence)) => {
                    consequence.get_or_insert(difference);
                }
                None => {}
            }
            for (old_part, new_part) in old_type.parts.iter().zip(&new_type.parts) {
                if let (Some(old_target), Some(new_target)) = (old_part.target, new_part.target)
                    && !old_type.has_niche_in(old_part)
                    && seen.insert((old_target, new_target))
                {
                    pairs.push((old_target, new_target));
                }
            }
        }
        consequence
            .or_else(|| (self != new).then(|| "its types are connected otherwise".to_owned()))
    }

    fn target(&self, part: &Part) -> Option<&Type> {
        self.types.get(part.target?)
    }

    /// How much memory a type takes; arrays say no size in DWARF, so it is that of their elements.
    fn extent(&self, of: &Type, depth: usize) -> String {
        match (of.size, of.align) {
            (Some(size), Some(align)) => format!("{size} bytes aligned to {align}"),
            (Some(size), None) => format!("{size} bytes"),
            (None, _) => {
                let element = of
                    .parts
                    .first()
                    .filter(|part| depth > 0 && part.role == Role::Element);
                match element.and_then(|part| Some((part.value.as_deref()?, self.target(part)?))) {
                    Some((length, element)) => {
                        format!("{length} times {}", self.extent(element, depth - 1))
                    }
                    None => "no size".to_owned(),
                }
            }
        }
    }

    /// What differs between two types themselves, apart from what they lead to.
    fn difference_of(
        &self,
        old: &Type,
        new_graph: &Description,
        new: &Type,
    ) -> Option<(String, Weight)> {
        if old.form != new.form || old.encoding != new.encoding || old.stem() != new.stem() {
            return Some((format!("`{}` → `{}`", old.name, new.name), Weight::Cause));
        }
        let mut is_moved = false;
        let mut consequence = None;
        for (position, old_part) in old.parts.iter().enumerate() {
            let what = format!("{} of `{}`", old_part.title(position), old.name);
            let Some(new_part) = new.parts.get(position) else {
                return Some((format!("{what}: removed"), Weight::Cause));
            };
            if old_part.role != new_part.role || old_part.name != new_part.name {
                return Some((
                    format!("{what} → {}", new_part.title(position)),
                    Weight::Cause,
                ));
            }
            let (old_target, new_target) = (self.target(old_part), new_graph.target(new_part));
            let (old_name, new_name) = (name_of(old_target), name_of(new_target));
            if old_name != new_name {
                let difference = format!("{what}: `{old_name}` → `{new_name}`");
                let same_stem = old_target.map(Type::stem) == new_target.map(Type::stem);
                // The place of a discriminant may be a niche, which moves with what is in the variants.
                if !same_stem && !old.has_niche_in(old_part) {
                    return Some((difference, Weight::Cause));
                }
                consequence.get_or_insert(difference);
            } else if old_part.value != new_part.value {
                let value = |part: &Part| part.value.clone().unwrap_or_else(|| "none".to_owned());
                let (old_value, new_value) = (value(old_part), value(new_part));
                if old_part.role == Role::Element {
                    return Some((
                        format!("an array of `{old_name}`: {old_value} → {new_value}"),
                        Weight::Cause,
                    ));
                }
                consequence.get_or_insert(format!("{what}: {old_value} → {new_value}"));
            }
            is_moved |= old_target.map(|target| self.extent(target, 8))
                != new_target.map(|target| new_graph.extent(target, 8));
        }
        if let Some(part) = new.parts.get(old.parts.len()) {
            let title = part.title(old.parts.len());
            return Some((format!("{title} of `{}`: added", new.name), Weight::Cause));
        }
        let (old_extent, new_extent) = (self.extent(old, 0), new_graph.extent(new, 0));
        // With parts as they were, the reason lies here: another `repr`.
        if old_extent != new_extent && !is_moved && consequence.is_none() {
            return Some((
                format!("`{}`: {old_extent} → {new_extent}", new.name),
                Weight::Cause,
            ));
        }
        let is_laid_out_anew =
            old_extent != new_extent || old.offsets() != new.offsets() || old.name != new.name;
        let fallback = is_laid_out_anew.then(|| format!("`{}`: its parts lie otherwise", new.name));
        consequence
            .or(fallback)
            .map(|difference| (difference, Weight::Consequence))
    }
}

enum Weight {
    Cause,
    Consequence,
}

fn name_of(target: Option<&Type>) -> &str {
    target.map_or("()", |target| &target.name)
}

impl Type {
    /// The name without its parameters, for types that have any.
    fn stem(&self) -> &str {
        self.name
            .find('<')
            .filter(|_| self.home.is_some())
            .map_or(&self.name, |position| &self.name[..position])
    }

    /// Whether a part is the discriminant of an enum with fields, which may be any integer that such a field has.
    fn has_niche_in(&self, part: &Part) -> bool {
        part.role == Role::Discriminant && self.form == Form::Structure
    }

    fn offsets(&self) -> Vec<Option<u64>> {
        self.parts.iter().map(|part| part.offset).collect()
    }
}

impl Part {
    fn title(&self, position: usize) -> String {
        let role = match self.role {
            Role::Field => "field",
            Role::Discriminant => return "discriminant".to_owned(),
            Role::Variant | Role::Enumerator => "variant",
            Role::Parameter => "parameter",
            Role::Pointee => return "pointee".to_owned(),
            Role::Element => return "element".to_owned(),
            Role::Argument => return format!("argument {position}"),
            Role::Result => return "result".to_owned(),
        };
        // Fields of tuples are `__0`, `__1` … in DWARF.
        format!(
            "{role} `{}`",
            self.name.strip_prefix("__").unwrap_or(&self.name)
        )
    }
}
