//! Escapes another program's output for the developer's terminal. A service may print data from its
//! users, and control sequences in it could set titles, overwrite lines, or make the terminal send
//! input. Colors, newlines and tabs pass. All other control characters are written as text:
//! `\x1b[2J`. This does not depend on the parser, which only finds where sequences end: passing
//! bytes are checked against an allowlist.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

/// Maximum bytes of a color sequence, and of the bytes buffered of a longer sequence.
const MAX_SEQUENCE: usize = 256;

/// Escapes a stream of bytes that arrives in arbitrary pieces.
#[derive(Debug, Default)]
pub struct Escape {
    parser: Parser<DefaultCharAccumulator>,
    /// The bytes since the last complete character or sequence.
    buffered: Vec<u8>,
    colored: bool,
}

impl Escape {
    /// Escapes these bytes and those buffered before. May buffer the last bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.buffered.push(byte);
            let mut found = Found::Nothing;
            self.parser.advance(&mut found, byte);
            match found {
                Found::Nothing if self.buffered.len() < MAX_SEQUENCE => continue,
                // The start has been written as text, so the terminal is not within a sequence.
                Found::Nothing => self.parser = Parser::default(),
                Found::Complete => {}
            }
            self.colored |= is_color(&self.buffered);
            write(&self.buffered, &mut out);
            self.buffered.clear();
        }
        out
    }

    /// The rest at the end of the stream. Resets the colors.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        write(&std::mem::take(&mut self.buffered), &mut out);
        self.parser = Parser::default();
        if std::mem::take(&mut self.colored) {
            out.extend(b"\x1b[0m");
        }
        out
    }
}

/// Escapes a complete text.
pub fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escape = Escape::default();
    let mut out = escape.push(text);
    out.extend(escape.finish());
    out
}

/// Whether a sequence is Select Graphic Rendition, ECMA-48 8.3.117, without private parameters:
/// `CSI > 4 m` changes what keys send.
fn is_color(sequence: &[u8]) -> bool {
    let parameters = sequence
        .strip_prefix(b"\x1b[")
        .and_then(|rest| rest.strip_suffix(b"m"));
    parameters.is_some_and(|it| {
        it.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'))
    })
}

fn write(bytes: &[u8], out: &mut Vec<u8>) {
    if is_color(bytes) {
        out.extend(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' | '\t' => out.push(letter as u8),
                '\r' => out.extend(b"\\r"),
                // C0 and DEL, and C1, which is two bytes in UTF-8.
                control if control.is_control() => match control {
                    ..'\u{80}' => out.extend(format!("\\x{:02x}", control as u32).bytes()),
                    _ => out.extend(format!("\\u{{{:x}}}", control as u32).bytes()),
                },
                letter => out.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        for byte in chunk.invalid() {
            out.extend(format!("\\x{byte:02x}").bytes());
        }
    }
}

/// Whether the parser reached the end of a character or sequence.
enum Found {
    Nothing,
    Complete,
}

impl Perform for Found {
    fn print(&mut self, _: char) {
        *self = Self::Complete;
    }

    fn execute(&mut self, _: u8) {
        *self = Self::Complete;
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, _: u8) {
        *self = Self::Complete;
    }

    fn put(&mut self, _: u8) {
        *self = Self::Complete;
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        *self = Self::Complete;
    }

    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, _: u8) {
        *self = Self::Complete;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        *self = Self::Complete;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let out = String::from_utf8(escaped(bytes)).expect("valid UTF-8");
        // Byte by byte, with the same result.
        let mut escape = Escape::default();
        let mut pieces: Vec<u8> = bytes
            .iter()
            .flat_map(|byte| escape.push(&[*byte]))
            .collect();
        pieces.extend(escape.finish());
        assert_eq!(out.as_bytes(), pieces);
        out
    }

    #[test]
    fn text_and_colors_pass() {
        for text in ["plain\ttext\n", "größe 日本 🦀\n", "", "\\x1b"] {
            assert_eq!(shown(text.as_bytes()), text);
        }
        let colored = "\x1b[1;38:2::255:0:0mred\x1b[m";
        assert_eq!(shown(colored.as_bytes()), format!("{colored}\x1b[0m"));
    }

    #[test]
    fn control_sequences_become_text() {
        for (bytes, text) in [
            (&b"\x1b[2J"[..], "\\x1b[2J"),
            (b"\x1b]0;title\x07after", "\\x1b]0;title\\x07after"),
            (b"\x1b]52;c;aGk=\x1b\\after", "\\x1b]52;c;aGk=\\x1b\\after"),
            (b"\x1bP1$qm\x1b\\", "\\x1bP1$qm\\x1b\\"),
            (b"\x1b[6n\x1bc", "\\x1b[6n\\x1bc"),
            // Sequences that end in `m` but are not colors.
            (b"\x1b[>4;2m\x1b[?4m\x1b[ m", "\\x1b[>4;2m\\x1b[?4m\\x1b[ m"),
            (
                b"over\rwritten\x08\x7f\x00",
                "over\\rwritten\\x08\\x7f\\x00",
            ),
            // C1 controls, in UTF-8 and as bytes.
            ("\u{9b}2J\u{85}".as_bytes(), "\\u{9b}2J\\u{85}"),
            (b"\x9b2J", "\\x9b2J"),
            // A character interrupted by a sequence.
            (b"\xe2\x1b[2J", "\\xe2\\x1b[2J"),
            (b"\x1b[3\n1mx", "\\x1b[3\n1mx"),
            (b"\x1b[31\x18x", "\\x1b[31\\x18x"),
            (b"cut off \x1b[3", "cut off \\x1b[3"),
        ] {
            assert_eq!(shown(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn random_bytes_produce_no_control_sequences() {
        // A linear congruential generator, after Knuth: the same bytes each time.
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let alphabet = b"\x1b[]P;:0123456789mhJ \\\x07\x9b\x9c\xc2\xe2\x90\x18\x1a\n\rab>?";
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..next() % 24)
                .map(|_| alphabet[next() % alphabet.len()])
                .collect();
            let mut rest = &shown(&bytes)[..];
            while let Some(start) =
                rest.find(|letter: char| letter.is_control() && !matches!(letter, '\n' | '\t'))
            {
                let end = start + rest[start..].find('m').expect("a sequence of colors ends");
                assert!(
                    is_color(&rest.as_bytes()[start..=end]),
                    "{bytes:?}: {rest:?}"
                );
                rest = &rest[end + 1..];
            }
        }
    }

    #[test]
    fn an_endless_sequence_is_not_buffered_forever() {
        let mut escape = Escape::default();
        let mut endless = b"\x1b]0;".to_vec();
        endless.extend(vec![b'x'; 100_000]);
        let out = escape.push(&endless);
        assert!(out.len() > 99_000 && escape.buffered.len() < MAX_SEQUENCE);
    }
}
