//! Types as a developer writes them.

/// Parameters that have this value when nothing is written, as they are always the last.
const DEFAULTS: [&str; 2] = ["alloc::alloc::Global", "std::hash::random::RandomState"];

/// `HashMap<String, Item>` of
/// `std::collections::hash::map::HashMap<alloc::string::String, app::Item, std::hash::random::RandomState>`.
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

/// How much of a type of which only a part has to be recognized is shown.
const SHOWN: usize = 60;

/// A text with the names of types between backticks, each written as by a developer, and cut if it is long.
pub(super) fn shortened(text: &str) -> String {
    let part = |(position, part): (usize, &str)| match position % 2 {
        0 => part.to_owned(),
        _ => {
            let name = written(part);
            match name.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}…", &name[..end]),
                None => name,
            }
        }
    };
    let parts: Vec<String> = text.split('`').enumerate().map(part).collect();
    parts.join("`")
}

/// Both, as short as they can be told apart.
pub(super) fn both(old: &str, new: &str) -> (String, String) {
    match (written(old), written(new)) {
        (short_old, short_new) if short_old == short_new => (old.to_owned(), new.to_owned()),
        short => short,
    }
}

/// `Vec` and `u8` of `Vec<u8>`; `None` of a type without parameters.
pub(super) fn parameters(name: &str) -> Option<(&str, Vec<String>)> {
    let (stem, inside) = name.split_once('<')?;
    let (arguments, after) = arguments(inside);
    (stem.chars().all(is_of_name) && after.is_empty()).then_some((stem, arguments))
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || ['_', '{'].contains(&character)
}

/// Writes the path at the start of `rest` without its modules, and gives back what follows.
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
    // Modules begin with small letters, types and variants do not, unless it is the type that is meant.
    let first = segments
        .iter()
        .position(|segment| segment.starts_with(char::is_uppercase))
        .unwrap_or(segments.len() - 1);
    *text += &segments[first..].join("::");
    rest
}

/// `{closure_env}` and the like are names too.
fn name_length(text: &str) -> usize {
    if text.starts_with('{') {
        return text.find('}').map_or(text.len(), |end| end + 1);
    }
    text.find(|character| !is_of_name(character) || character == '{')
        .unwrap_or(text.len())
}

/// What is written of the arguments up to the closing bracket, and what follows that.
fn arguments(inside: &str) -> (Vec<String>, &str) {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut end, mut before) = (inside.len(), ' ');
    for (position, character) in inside.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            // Not the arrow of a function pointer.
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
    fn a_long_type_in_a_text_is_cut_and_the_rest_stays() {
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
    fn types_lose_their_modules_and_what_nobody_writes() {
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
