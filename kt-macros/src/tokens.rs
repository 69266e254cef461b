//! Converts tokens to text that does not depend on the source's layout, to compare one build with
//! another.
//!
//! `TokenStream`'s own `Display` is not suitable: its spaces follow the source and change between
//! rustc versions.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Writes tokens on one line in rustfmt's style, as far as that is possible without the grammar.
pub fn text(tokens: TokenStream) -> String {
    let mut pieces = Vec::new();
    flatten(tokens, &mut pieces);
    let mut text = String::new();
    for piece in &pieces {
        if needs_space(&text, piece) {
            text.push(' ');
        }
        text.push_str(piece);
    }
    text
}

/// FNV-1a over the tokens: independent of layout, comments and compiler.
pub fn hash(tokens: TokenStream) -> u64 {
    let mut pieces = Vec::new();
    flatten(tokens, &mut pieces);
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    // A token contains no zero byte, so a zero byte between tokens distinguishes `a b` from `ab`.
    for byte in pieces.iter().flat_map(|piece| piece.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

/// The tokens one by one, with multi-character operators and lifetimes in one piece.
fn flatten(tokens: TokenStream, pieces: &mut Vec<String>) {
    let mut operator = String::new();
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            operator.push(punct.as_char());
            if punct.spacing() == proc_macro2::Spacing::Alone {
                pieces.append(&mut split(std::mem::take(&mut operator)));
            }
            continue;
        }
        if operator == "'" {
            // A lifetime is a quote joined to an identifier.
            pieces.push(format!("{}{token}", std::mem::take(&mut operator)));
            continue;
        }
        pieces.append(&mut split(std::mem::take(&mut operator)));
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    // `macro_rules!` puts this around a `$ty`. It is not in the source of the type.
                    Delimiter::None => {
                        flatten(group.stream(), pieces);
                        continue;
                    }
                };
                pieces.push(open.to_owned());
                flatten(group.stream(), pieces);
                pieces.push(close.to_owned());
            }
            other => pieces.push(other.to_string()),
        }
    }
    pieces.append(&mut split(operator));
}

/// A run of joined punctuation as pieces: `->`, `=>`, `::` whole, the rest by character.
///
/// Whether the two `>` of `Vec<Vec<u8>>` are joined depends on the source's spaces, so they are
/// always split.
fn split(run: String) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for character in run.chars() {
        match pieces.last_mut() {
            Some(last) if matches!((last.as_str(), character), ("-" | "=", '>') | (":", ':')) => {
                last.push(character)
            }
            _ => pieces.push(character.to_string()),
        }
    }
    pieces
}

fn needs_space(before: &str, piece: &str) -> bool {
    let Some(last) = before.chars().next_back() else {
        return false;
    };
    let word =
        |character: char| character.is_alphanumeric() || character == '_' || character == '"';
    let spaced = |text: &str| matches!(text, "->" | "=>" | "+" | "=" | "|");
    let starts_word = piece.starts_with(|first| word(first) || first == '\'');
    (word(last) && starts_word)
        || matches!(last, ',' | ';')
        || (last == ':' && !before.ends_with("::"))
        || spaced(piece)
        || before.ends_with("->")
        || before.ends_with("=>")
        || matches!(last, '+' | '=' | '|')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> TokenStream {
        source.parse().expect("a token stream")
    }

    #[test]
    fn text_does_not_depend_on_the_source_s_layout() {
        let neat =
            "async fn(Vec<Vec<u8>>, [u64; 3], &'static str) -> Result<(), Box<dyn Any + Send>>";
        let wild =
            "async fn ( Vec < Vec<u8> >,[ u64;3 ] , & 'static str)->Result<( ),Box<dyn Any+Send> >";
        assert_eq!(text(tokens(neat)), neat);
        assert_eq!(text(tokens(wild)), neat);
    }

    #[test]
    fn text_sees_through_a_macro_s_invisible_group() {
        let inner = proc_macro2::Group::new(Delimiter::None, tokens("Vec<u8>"));
        let grouped: TokenStream = [TokenTree::Group(inner)].into_iter().collect();
        assert_eq!(text(grouped), "Vec<u8>");
    }

    #[test]
    fn hash_changes_with_a_token_and_not_with_layout() {
        assert_eq!(
            hash(tokens("Mutex::new( 1 ) // one")),
            hash(tokens("Mutex::new(1)"))
        );
        assert_ne!(hash(tokens("Mutex::new(1)")), hash(tokens("Mutex::new(2)")));
        assert_ne!(hash(tokens("a b")), hash(tokens("ab")));
    }
}
