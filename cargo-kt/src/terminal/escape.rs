//! Another program's output on the developer's terminal. What a service prints may hold what its users sent to it, and a
//! terminal obeys: it sets titles, moves the cursor over other lines, reports back as if the developer had typed.
//!
//! Colors pass, with newlines and tabs. Everything else that a terminal would obey is written as text: `\x1b[2J`. That does not
//! rest on the parser, which only tells where sequences end: what passes is compared byte for byte with what may.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

/// The longest sequence of colors that passes, bytes; also what is held back of a longer sequence.
const HELD: usize = 256;

/// Escapes a stream of bytes, however it is cut.
#[derive(Debug, Default)]
pub struct Escape {
    parser: Parser<DefaultCharAccumulator>,
    /// The bytes since the last whole character or sequence.
    held: Vec<u8>,
    colored: bool,
}

impl Escape {
    /// What a terminal may be given of these bytes, and of those held back before.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.held.push(byte);
            let mut found = Found::Nothing;
            self.parser.advance(&mut found, byte);
            match found {
                Found::Nothing if self.held.len() < HELD => continue,
                // Its start has been written as text by then, so the terminal is in no sequence: neither are we.
                Found::Nothing => self.parser = Parser::default(),
                Found::Whole => {}
            }
            self.colored |= is_color(&self.held);
            write(&self.held, &mut out);
            self.held.clear();
        }
        out
    }

    /// What is left at the stream's end. The terminal has its own colors after it.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        write(&std::mem::take(&mut self.held), &mut out);
        self.parser = Parser::default();
        if std::mem::take(&mut self.colored) {
            out.extend(b"\x1b[0m");
        }
        out
    }
}

/// A whole text, escaped.
pub fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escape = Escape::default();
    let mut out = escape.push(text);
    out.extend(escape.finish());
    out
}

/// Select Graphic Rendition, ECMA-48 8.3.117, without private parameters: those of `CSI > 4 m` change what keys send.
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

/// Whether the parser has come to the end of something.
enum Found {
    Nothing,
    Whole,
}

impl Perform for Found {
    fn print(&mut self, _: char) {
        *self = Self::Whole;
    }

    fn execute(&mut self, _: u8) {
        *self = Self::Whole;
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, _: u8) {
        *self = Self::Whole;
    }

    fn put(&mut self, _: u8) {
        *self = Self::Whole;
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        *self = Self::Whole;
    }

    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, _: u8) {
        *self = Self::Whole;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        *self = Self::Whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let out = String::from_utf8(escaped(bytes)).expect("a terminal gets UTF-8");
        // However it is cut.
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
    fn what_a_terminal_would_obey_is_text() {
        for (bytes, text) in [
            (&b"\x1b[2J"[..], "\\x1b[2J"),
            (b"\x1b]0;title\x07after", "\\x1b]0;title\\x07after"),
            (b"\x1b]52;c;aGk=\x1b\\after", "\\x1b]52;c;aGk=\\x1b\\after"),
            (b"\x1bP1$qm\x1b\\", "\\x1bP1$qm\\x1b\\"),
            (b"\x1b[6n\x1bc", "\\x1b[6n\\x1bc"),
            // Sequences that end in `m` and are no colors.
            (b"\x1b[>4;2m\x1b[?4m\x1b[ m", "\\x1b[>4;2m\\x1b[?4m\\x1b[ m"),
            (
                b"over\rwritten\x08\x7f\x00",
                "over\\rwritten\\x08\\x7f\\x00",
            ),
            // C1 controls, in UTF-8 and as bytes.
            ("\u{9b}2J\u{85}".as_bytes(), "\\u{9b}2J\\u{85}"),
            (b"\x9b2J", "\\x9b2J"),
            // A character that is cut off by a sequence.
            (b"\xe2\x1b[2J", "\\xe2\\x1b[2J"),
            (b"\x1b[3\n1mx", "\\x1b[3\n1mx"),
            (b"\x1b[31\x18x", "\\x1b[31\\x18x"),
            (b"cut off \x1b[3", "cut off \\x1b[3"),
        ] {
            assert_eq!(shown(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_say_anything_that_a_terminal_obeys() {
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
    fn a_sequence_without_an_end_is_not_held_back_for_ever() {
        let mut escape = Escape::default();
        let mut endless = b"\x1b]0;".to_vec();
        endless.extend(vec![b'x'; 100_000]);
        let out = escape.push(&endless);
        assert!(out.len() > 99_000 && escape.held.len() < HELD);
    }
}
