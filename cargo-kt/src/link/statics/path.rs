//! From a symbol to the path of a static as a person knows it.

/// What a symbol's name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// `app::cache::HITS`.
    Path(String),
    /// Not mangled: `#[no_mangle]`, `#[export_name]`, or C.
    Plain(String),
    /// What the compiler, kt or another macro made for itself.
    Hidden,
}

/// What std's `thread_local!` calls the static that it makes, inside a constant and a closure of the one it was given.
const THREAD_LOCAL: &str = "__RUST_STD_INTERNAL_VAL";

/// How `lazy_static!` names the static that it makes, in a `Deref` of the type that is called as the static is.
const LAZY_STATIC: [&str; 3] = ["deref", "__stability", "LAZY"];

pub(super) fn of(symbol: &str) -> Known {
    let Ok(demangled) = rustc_demangle::try_demangle(symbol) else {
        return match is_identifier(symbol) && !symbol.starts_with("__") {
            true => Known::Plain(symbol.to_owned()),
            false => Known::Hidden,
        };
    };
    let demangled = format!("{demangled:#}");
    let mut segments = segments(&demangled);
    if let [implementation, rest @ ..] = &segments[..]
        && rest == LAZY_STATIC
        && let Some((own, _)) = implementation[1..].split_once(" as ")
    {
        return Known::Path(own.to_owned());
    }
    if segments.last() == Some(&THREAD_LOCAL) {
        segments.pop();
    }
    // Closures, constants and the like have no names.
    segments.retain(|segment| !segment.starts_with('{'));
    // The optimiser takes statics apart: `NAME.0`.
    if let Some(last) = segments.last_mut() {
        *last = last.split('.').next().unwrap_or(last);
    }
    match segments.last() {
        Some(last) if is_identifier(last) && !last.starts_with("__") => {
            Known::Path(segments.join("::"))
        }
        _ => Known::Hidden,
    }
}

/// Whether this is what logging macros make beside a call, where the sources have nothing of that name.
pub(super) fn is_of_a_macro(path: &str) -> bool {
    ["CALLSITE", "META", "REGISTRATION"].contains(&last(path))
}

pub(super) fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
}

/// `HITS` of `app::cache::HITS`.
pub(super) fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// The parts of a path; what stands in angle brackets is one.
pub(super) fn segments(path: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let bytes = path.as_bytes();
    for (position, byte) in bytes.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| bytes[before]);
        match byte {
            b'<' => depth += 1,
            // Not the arrow of a function pointer.
            b'>' if before != Some(b'-') => depth = depth.saturating_sub(1),
            b':' if depth == 0 && before == Some(b':') => {
                found.push(&path[start..position - 1]);
                start = position + 1;
            }
            _ => {}
        }
    }
    found.push(&path[start..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_they_are_written() {
        let path = |symbol: &str| match of(symbol) {
            Known::Path(path) => path,
            other => panic!("{symbol}: {other:?}"),
        };
        assert_eq!(
            path("_ZN3app5cache4HITS17h9cca93b14370a8c0E"),
            "app::cache::HITS"
        );
        assert_eq!(
            path(
                "_ZN3app4LIST29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$closure$u7d$$u7d$23__RUST_STD_INTERNAL_VAL17hb07dbc6a0a8c72e5E"
            ),
            "app::LIST"
        );
        assert_eq!(
            path(
                "_ZN53_$LT$app..POOL$u20$as$u20$core..ops..deref..Deref$GT$5deref11__stability4LAZY17hb07dbc6a0a8c72e5E"
            ),
            "app::POOL"
        );
        assert_eq!(
            path("_ZN3app5cache4HITS17h9cca93b14370a8c0E.0"),
            "app::cache::HITS"
        );
    }

    #[test]
    fn what_macros_and_compilers_make_for_themselves_is_hidden() {
        let hidden = [
            "_ZN3app4work10__CALLSITE17h9cca93b14370a8c0E",
            "anon.264600682f157e7622777a60a4fe09cb.1.llvm.1056047446829189921",
            "DW.ref.rust_eh_personality",
            "kt:init:app/:app::CACHE",
            "__KT_STATE",
        ];
        for symbol in hidden {
            assert_eq!(of(symbol), Known::Hidden, "{symbol}");
        }
        assert_eq!(of("EXPORTED"), Known::Plain("EXPORTED".to_owned()));
    }

    #[test]
    fn angle_brackets_are_one_part_of_a_path() {
        assert_eq!(
            segments("<app::S<fn() -> u8> as app::T>::t::IN"),
            ["<app::S<fn() -> u8> as app::T>", "t", "IN"]
        );
        assert_eq!(segments("IN"), ["IN"]);
    }
}
