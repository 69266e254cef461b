//! Names of types, as a developer writes them.

/// Default type arguments. They are always the last ones and are not printed.
const DEFAULTS: [&str; 2] = ["alloc::alloc::Global", "std::hash::random::RandomState"];

/// `HashMap<String, Item>` of `std::collections::hash::map::HashMap<alloc::string::String,
/// app::Item, std::hash::random::RandomState>`.
pub(super) fn written(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if is_of_name(first) {
            rest = path(rest, &mut text);
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    text
}

/// The longest type name in a text, in characters.
const MAX_NAME: usize = 60;

/// Shortens the type names between backticks in a text, and truncates long ones.
pub(super) fn shortened(text: &str) -> String {
    let part = |(position, part): (usize, &str)| match position % 2 {
        0 => part.to_owned(),
        _ => {
            let name = written(part);
            match name.char_indices().nth(MAX_NAME) {
                Some((end, _)) => format!("{}…", &name[..end]),
                None => name,
            }
        }
    };
    let parts: Vec<String> = text.split('`').enumerate().map(part).collect();
    parts.join("`")
}

/// Both names, as short as possible while they differ.
pub(super) fn both(old: &str, new: &str) -> (String, String) {
    match (written(old), written(new)) {
        (short_old, short_new) if short_old == short_new => (old.to_owned(), new.to_owned()),
        short => short,
    }
}

/// `Vec` and `u8` of `Vec<u8>`; `None` for a type without parameters.
pub(super) fn parameters(name: &str) -> Option<(&str, Vec<String>)> {
    let (stem, inside) = name.split_once('<')?;
    let (arguments, after) = arguments(inside);
    (stem.chars().all(is_of_name) && after.is_empty()).then_some((stem, arguments))
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || ['_', '{'].contains(&character)
}

/// Writes the path at the start of `rest` without its modules. Returns the rest.
fn path<'a>(mut rest: &'a str, text: &mut String) -> &'a str {
    let mut segments: Vec<String> = Vec::new();
    loop {
        let length = name_length(rest);
        let (name, after) = rest.split_at(length);
        let mut segment = name.to_owned();
        rest = after;
        if let Some(inside) = rest.strip_prefix('<') {
            let (arguments, after) = arguments(inside);
            if !arguments.is_empty() {
                segment += &format!("<{}>", arguments.join(", "));
            }
            rest = after;
        }
        segments.push(segment);
        match rest.strip_prefix("::") {
            Some(after) if after.starts_with(is_of_name) => rest = after,
            _ => break,
        }
    }
    // Modules start with a lowercase letter, types and variants do not. If all segments do, the
    // last one is the type.
    let first = segments
        .iter()
        .position(|segment| segment.starts_with(char::is_uppercase))
        .unwrap_or(segments.len() - 1);
    *text += &segments[first..].join("::");
    rest
}

/// `{closure_env}` and similar are names too.
fn name_length(text: &str) -> usize {
    if text.starts_with('{') {
        return text.find('}').map_or(text.len(), |end| end + 1);
    }
    text.find(|character| !is_of_name(character) || character == '{')
        .unwrap_or(text.len())
}

/// The printed arguments up to the closing bracket, and the text after it.
fn arguments(inside: &str) -> (Vec<String>, &str) {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut end, mut before) = (inside.len(), ' ');
    for (position, character) in inside.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            // The arrow of a function pointer does not close a bracket.
            '>' if before == '-' => {}
            '>' if depth == 0 => {
                end = position;
                break;
            }
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&inside[start..position]);
                start = position + 1;
            }
            _ => {}
        }
        before = character;
    }
    found.push(&inside[start..end]);
    let is_default = |argument: &str| DEFAULTS.contains(&argument.trim());
    while found.last().is_some_and(|last| is_default(last)) {
        found.pop();
    }
    let found = found.into_iter().map(|argument| written(argument.trim()));
    (found.collect(), inside.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{shortened, written};

    #[test]
    fn a_long_type_in_a_text_is_truncated_and_the_rest_stays() {
        assert_eq!(
            shortened("`alloc::boxed::Box<dyn app::Rule>` at `.rules`, beside a map"),
            "`Box<dyn Rule>` at `.rules`, beside a map"
        );
        let long = "`(dyn core::ops::function::Fn<(&mut minijinja::output::Output, &minijinja::vm::state::State, \
                    &minijinja::value::Value), Output=core::result::Result<(), minijinja::error::Error>> + core::marker::Send)`";
        assert_eq!(
            shortened(long),
            "`(dyn Fn<(&mut Output, &State, &Value), Output=Result<(), Err…`"
        );
    }

    #[test]
    fn types_lose_their_modules_and_default_arguments() {
        for (name, expected) in [
            ("u64", "u64"),
            ("alloc::string::String", "String"),
            (
                "alloc::vec::Vec<app::cache::Entry, alloc::alloc::Global>",
                "Vec<Entry>",
            ),
            (
                "std::collections::hash::map::HashMap<alloc::string::String, (u8, app::Item), std::hash::random::RandomState>",
                "HashMap<String, (u8, Item)>",
            ),
            (
                "core::option::Option<alloc::boxed::Box<dyn core::ops::function::Fn(app::Item) -> u8, alloc::alloc::Global>>",
                "Option<Box<dyn Fn(Item) -> u8>>",
            ),
            (
                "core::option::Option<app::Item>::Some",
                "Option<Item>::Some",
            ),
            ("app::shapes::Shape::Circle", "Shape::Circle"),
            ("app::small", "small"),
            ("&mut [app::Item; 3]", "&mut [Item; 3]"),
            (
                "app::Grid<4, app::Cell<fn(app::A) -> app::B>>",
                "Grid<4, Cell<fn(A) -> B>>",
            ),
            ("app::work::{closure_env}<u8>", "{closure_env}<u8>"),
            ("alloc::vec::Vec<u8, app::Arena>", "Vec<u8, Arena>"),
        ] {
            assert_eq!(written(name), expected);
        }
    }
}
