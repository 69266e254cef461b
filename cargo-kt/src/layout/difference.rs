//! What changed between two descriptions, for messages.

use super::{
    description::{Description, Form, Part, Role, Type},
    words::{both, written},
};

/// The longest type names that are printed whole. Of longer ones, only the part that differs is
/// printed.
const MAX_NAME: usize = 80;

impl Description {
    /// The first difference from `new`, for messages: "field `x` of `Item`: `u64` → `u32`". `None`
    /// if there is none.
    pub fn difference(&self, new: &Description) -> Option<String> {
        let mut pairs = vec![(0, 0)];
        let mut seen = std::collections::HashSet::from([(0, 0)]);
        let mut next = 0;
        // Breadth first, to report the difference nearest to the state. A difference that may only
        // follow from one further inside (a size, a niche) is reported only if no other is found.
        let mut consequence = None;
        while let Some(&(old_index, new_index)) = pairs.get(next) {
            next += 1;
            let (Some(old_type), Some(new_type)) =
                (self.types.get(old_index), new.types.get(new_index))
            else {
                return Some("its recorded layout is corrupt".to_owned());
            };
            let compared = Pair {
                old_graph: self,
                new_graph: new,
                old: old_type,
                new: new_type,
            };
            match compared.difference() {
                Some(Difference::Cause(difference)) => return Some(difference),
                Some(Difference::Consequence(difference)) => {
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
        consequence.or_else(|| {
            (self != new).then(|| "the references between its types changed".to_owned())
        })
    }

    fn target(&self, part: &Part) -> Option<&Type> {
        self.types.get(part.target?)
    }

    /// How much memory a type takes. Arrays have no size in DWARF, so it is their length times the
    /// size of an element.
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
                        format!("{length} × {}", self.extent(element, depth - 1))
                    }
                    None => "unknown size".to_owned(),
                }
            }
        }
    }
}

enum Difference {
    Cause(String),
    /// May follow from a difference further inside.
    Consequence(String),
}

/// Two types at the same position.
struct Pair<'a> {
    old_graph: &'a Description,
    new_graph: &'a Description,
    old: &'a Type,
    new: &'a Type,
}

impl Pair<'_> {
    /// The difference between the types themselves, without the types that they refer to.
    fn difference(&self) -> Option<Difference> {
        let (old, new) = (self.old, self.new);
        let is_renamed = old.name != new.name && !(old.is_of_kt() && new.is_of_kt());
        if is_renamed || old.encoding != new.encoding {
            // Only for the state's own type: for others, the field that has the type was reported.
            return Some(Difference::Cause(changed("", &old.name, &new.name)));
        }
        let mut causes = self.named_parts(Type::fields, "field");
        causes.extend(self.named_parts(Type::variants, "variant"));
        causes.sort_by_key(|(position, _)| *position);
        if let Some((_, first)) = causes.first() {
            return Some(Difference::Cause(match causes.len() {
                1 => first.clone(),
                all => format!("{first}, and {} more", all - 1),
            }));
        }
        if old.form != new.form {
            let name = written(&old.name);
            return Some(Difference::Cause(format!(
                "the representation of `{name}` changed"
            )));
        }
        self.other_parts()
    }

    /// The fields or variants that were added, removed, renamed, changed or moved, each with its
    /// position.
    fn named_parts(&self, of: fn(&Type) -> Vec<&Part>, kind: &str) -> Vec<(usize, String)> {
        let (old, new) = (of(self.old), of(self.new));
        let owner = format!("of `{}`", written(&self.old.name));
        let find = |parts: &[&Part], name: &str| parts.iter().position(|it| it.name == name);
        let mut changes = Vec::new();
        let mut renamed = Vec::new();
        for (position, part) in old.iter().enumerate() {
            let what = format!("{kind} `{}` {owner}", part.shown());
            if let Some(now) = find(&new, &part.name) {
                if let Some(change) = self.change(part, new[now], &what) {
                    changes.push((position, change));
                }
                continue;
            }
            let successor = new.get(position).filter(|successor| {
                old.len() == new.len()
                    && find(&old, &successor.name).is_none()
                    && self.is_alike(part, successor)
            });
            changes.push((
                position,
                match successor {
                    Some(successor) => {
                        renamed.push(position);
                        format!("{what} renamed to `{}`", successor.shown())
                    }
                    None => format!("{what} removed"),
                },
            ));
        }
        for (position, part) in new.iter().enumerate() {
            if find(&old, &part.name).is_none() && !renamed.contains(&position) {
                let what = format!("{kind} `{}` {owner} added", part.shown());
                changes.push((position, what));
            }
        }
        let common: Vec<usize> = old.iter().filter_map(|it| find(&new, &it.name)).collect();
        let types = |graph: &Description, parts: &[&Part]| {
            let mut types: Vec<String> = parts
                .iter()
                .map(|it| name_of(graph.target(it)).to_owned())
                .collect();
            types.sort();
            types
        };
        // Tuple fields are named by their positions.
        let is_permuted = old.iter().all(|it| it.name.starts_with("__"))
            && changes.len() > 1
            && old.len() == new.len()
            && types(self.old_graph, &old) == types(self.new_graph, &new);
        if is_permuted {
            changes.clear();
        }
        if is_permuted || !common.is_sorted() {
            changes.push((usize::MAX, format!("{kind}s {owner} reordered")));
        }
        changes
    }

    /// The difference of a field or variant that both types have.
    fn change(&self, old: &Part, new: &Part, what: &str) -> Option<String> {
        let (old_target, new_target) = (self.old_graph.target(old), self.new_graph.target(new));
        if self.old.form != self.new.form {
            let holds = |target: Option<&Type>| target.is_some_and(|it| !it.parts.is_empty());
            return match (holds(old_target), holds(new_target)) {
                (false, true) => Some(format!("{what} now has fields")),
                (true, false) => Some(format!("{what} no longer has fields")),
                _ => None,
            };
        }
        let (from, to) = (name_of(old_target), name_of(new_target));
        if from == to {
            return None;
        }
        // The wrapper that kt puts around a state's value is not in the user's source.
        let what = match self.old.is_of_kt() {
            true => String::new(),
            false => format!("{what}: "),
        };
        Some(changed(&what, from, to))
    }

    /// Whether `new` may be `old` under another name.
    fn is_alike(&self, old: &Part, new: &Part) -> bool {
        let (old_target, new_target) = (self.old_graph.target(old), self.new_graph.target(new));
        // The structure of a variant has the variant's name, so names of structures do not count.
        let is_variant = old.role == Role::Variant && new.role == Role::Variant;
        let same_type = match (old_target, new_target) {
            (Some(old), Some(new)) if is_variant => {
                let names = |graph: &Description, of: &Type| {
                    let fields = of.fields();
                    let name = |it: &&Part| (it.name.clone(), name_of(graph.target(it)).to_owned());
                    fields.iter().map(name).collect::<Vec<_>>()
                };
                names(self.old_graph, old) == names(self.new_graph, new)
            }
            _ => name_of(old_target) == name_of(new_target),
        };
        old.role == new.role && same_type
    }

    /// Differences in other parts than fields and variants, and in offsets.
    fn other_parts(&self) -> Option<Difference> {
        let (old, new) = (self.old, self.new);
        let mut is_moved = false;
        let mut consequence = None;
        let name = written(&old.name);
        for (position, old_part) in old.parts.iter().enumerate() {
            let what = format!("{} of `{name}`", old_part.title(position));
            let Some(new_part) = new.parts.get(position) else {
                return Some(Difference::Cause(format!("{what} removed")));
            };
            if old_part.role != new_part.role || old_part.name != new_part.name {
                let now = new_part.title(position);
                return Some(Difference::Cause(format!("{what} → {now}")));
            }
            let (old_target, new_target) = (
                self.old_graph.target(old_part),
                self.new_graph.target(new_part),
            );
            let (old_name, new_name) = (name_of(old_target), name_of(new_target));
            if old_name != new_name {
                let difference = changed(&format!("{what}: "), old_name, new_name);
                // The discriminant may be in a niche, which moves with the contents of the
                // variants.
                if !old.has_niche_in(old_part) {
                    return Some(Difference::Cause(difference));
                }
                consequence.get_or_insert(difference);
            } else if old_part.value != new_part.value {
                let value = |part: &Part| part.value.clone().unwrap_or_else(|| "none".to_owned());
                let (old_value, new_value) = (value(old_part), value(new_part));
                if old_part.role == Role::Element {
                    let element = written(old_name);
                    return Some(Difference::Cause(format!(
                        "an array of `{element}`: {old_value} → {new_value}"
                    )));
                }
                consequence.get_or_insert(format!("{what}: {old_value} → {new_value}"));
            }
            is_moved |= old_target.map(|target| self.old_graph.extent(target, 8))
                != new_target.map(|target| self.new_graph.extent(target, 8));
        }
        if let Some(part) = new.parts.get(old.parts.len()) {
            let title = part.title(old.parts.len());
            return Some(Difference::Cause(format!("{title} of `{name}` added")));
        }
        let (old_extent, new_extent) =
            (self.old_graph.extent(old, 0), self.new_graph.extent(new, 0));
        // The parts are unchanged, so the type itself is the cause: another `repr`.
        if old_extent != new_extent && !is_moved && consequence.is_none() {
            return Some(Difference::Cause(format!(
                "`{name}`: {old_extent} → {new_extent}"
            )));
        }
        let is_layout_changed = old_extent != new_extent || old.offsets() != new.offsets();
        let fallback = is_layout_changed.then(|| format!("the field offsets of `{name}` changed"));
        consequence.or(fallback).map(Difference::Consequence)
    }
}

/// `` `Vec<u8>` → `Vec<u16>` ``; of long names, only the one argument that differs.
fn changed(what: &str, from: &str, to: &str) -> String {
    let (mut from, mut to) = both(from, to);
    while from.len().max(to.len()) > MAX_NAME
        && let Some((inner_from, inner_to)) = only_argument_that_differs(&from, &to)
    {
        (from, to) = (inner_from, inner_to);
    }
    format!("{what}`{from}` → `{to}`")
}

fn only_argument_that_differs(old: &str, new: &str) -> Option<(String, String)> {
    let (old_stem, old_arguments) = super::words::parameters(old)?;
    let (new_stem, new_arguments) = super::words::parameters(new)?;
    let mut differing = old_arguments
        .iter()
        .zip(&new_arguments)
        .filter(|(old, new)| old != new);
    let found = differing.next()?;
    let is_only = differing.next().is_none()
        && old_stem == new_stem
        && old_arguments.len() == new_arguments.len();
    is_only.then(|| (found.0.clone(), found.1.clone()))
}

fn name_of(target: Option<&Type>) -> &str {
    target.map_or("()", |target| &target.name)
}

impl Type {
    fn fields(&self) -> Vec<&Part> {
        self.parts_with(|role| role == Role::Field)
    }

    fn variants(&self) -> Vec<&Part> {
        self.parts_with(|role| matches!(role, Role::Variant | Role::Enumerator))
    }

    fn parts_with(&self, is_included: fn(Role) -> bool) -> Vec<&Part> {
        self.parts
            .iter()
            .filter(|part| is_included(part.role))
            .collect()
    }

    /// Whether a part is the discriminant of an enum with fields. It may be any integer in such a
    /// field.
    fn has_niche_in(&self, part: &Part) -> bool {
        part.role == Role::Discriminant && self.form == Form::Structure
    }

    /// The wrapper that `#[kt::state]` puts around a value.
    fn is_of_kt(&self) -> bool {
        let stem = self.name.split('<').next().unwrap_or(&self.name);
        stem.ends_with("::__KtInit")
    }

    fn offsets(&self) -> Vec<Option<u64>> {
        self.parts.iter().map(|part| part.offset).collect()
    }
}

impl Part {
    /// Tuple fields are `__0`, `__1` … in DWARF.
    fn shown(&self) -> &str {
        self.name.strip_prefix("__").unwrap_or(&self.name)
    }

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
        format!("{role} `{}`", self.shown())
    }
}
