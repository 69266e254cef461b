//! rustc's own lexer, reduced to names and punctuation with their lines. It runs at every edit, and
//! `syn` takes 50 times as long.

use ra_ap_rustc_lexer::{Cursor, FrontmatterAllowed, TokenKind, strip_shebang};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An identifier or a keyword.
    Name(&'a str),
    /// An identifier with `r#`, which is never a keyword. Its text is without `r#`.
    RawName(&'a str),
    /// The first byte of any other token, which usually has no more.
    Mark(u8),
}

pub(super) struct Lexer<'a> {
    cursor: Cursor<'a>,
    line: u32,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let shebang = strip_shebang(text).unwrap_or(0);
        Self {
            cursor: Cursor::new(&text[shebang..], FrontmatterAllowed::Yes),
            line: 1,
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = (Token<'a>, u32);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (rest, line) = (self.cursor.as_str(), self.line);
            let token = self.cursor.advance_token();
            let text = &rest[..token.len as usize];
            let newlines = text.bytes().filter(|&byte| byte == b'\n').count();
            self.line += u32::try_from(newlines).unwrap_or(0);
            let token = match token.kind {
                TokenKind::Eof => return None,
                TokenKind::Ident | TokenKind::InvalidIdent | TokenKind::UnknownPrefix => {
                    Token::Name(text)
                }
                TokenKind::RawIdent => Token::RawName(text.trim_start_matches("r#")),
                TokenKind::ForcedKeywordIdent => Token::Name(text.trim_start_matches("k#")),
                TokenKind::Whitespace
                | TokenKind::Frontmatter { .. }
                | TokenKind::LineComment { .. }
                | TokenKind::BlockComment { .. }
                | TokenKind::Literal { .. }
                | TokenKind::Lifetime { .. }
                | TokenKind::RawLifetime
                | TokenKind::UnknownPrefixLifetime => continue,
                // `#"` is reserved in edition 2024. Before, it is a `#` and the start of a string.
                TokenKind::GuardedStrPrefix => {
                    self.cursor = Cursor::new(&rest[1..], FrontmatterAllowed::No);
                    Token::Mark(b'#')
                }
                _ => Token::Mark(rest.as_bytes()[0]),
            };
            return Some((token, line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and marks, separated by spaces; raw names with `r#`.
    fn tokens(text: &str) -> String {
        let tokens = Lexer::new(text).map(|(token, _)| match token {
            Token::Name(name) => name.to_owned(),
            Token::RawName(name) => format!("r#{name}"),
            Token::Mark(mark) => char::from(mark).to_string(),
        });
        tokens.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn literals_comments_and_lifetimes_are_skipped() {
        for skipped in [
            "\"A \\\" B\"",
            "b\"A\"",
            "c\"A\"",
            "r\"A\\\"",
            "r#\"A \" B\"#",
            "br##\"A \"# B\"##",
            "cr#\"A \" B\"#",
            "'A'",
            "'\\''",
            "'\\u{41}'",
            "b'A'",
            "'A",
            "'r#A",
            "1_000u64",
            "0x1F",
            "1.5e-3f32",
            "// A",
            "/* A /* B */ C */",
            "/// A",
            "\"unterminated",
            "r#\"unterminated\"",
            "/* unterminated /* */",
        ] {
            assert_eq!(tokens(skipped), "", "{skipped}");
        }
    }

    #[test]
    fn names_and_marks_are_exact() {
        for (text, expected) in [
            (
                "static HITS: A<'a> = f(1);",
                "static HITS : A < > = f ( ) ;",
            ),
            ("r#static größe r#type", "r#static größe r#type"),
            ("rb br cr r b c k", "rb br cr r b c k"),
            // A prefix without a meaning is a name of its own before edition 2021.
            ("m!(f\"A\")", "m ! ( f )"),
            ("m!(#\"A\" B)", "m ! ( # B )"),
            ("m!(##\"A\"## B)", "m ! ( # # # # B )"),
            ("x.0.1..=2", "x . . . ="),
            ("#!/usr/bin/env A\nB", "B"),
            ("#![A]", "# ! [ A ]"),
            ("---cargo\nA = 1\n---\nB", "B"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_count_newlines_in_all_tokens() {
        let text = "#!/usr/bin/env A\n/*\n*/ a \"\n\n\" b r#\"\n\"# // c\r\nd";
        let lines: Vec<_> = Lexer::new(text).map(|(_, line)| line).collect();
        assert_eq!(lines, [3, 5, 7]);
    }
}
