//! As much of Rust's lexical structure as it takes to see names and braces and no comments or texts. A thousandth of a
//! second for what `syn` parses in a tenth, which an edit should not wait for.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// Any other character.
    Mark(u8),
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            line: 1,
        }
    }

    fn byte(&self, ahead: usize) -> u8 {
        let bytes = self.text.as_bytes();
        bytes.get(self.position + ahead).copied().unwrap_or(0)
    }

    fn advance(&mut self, bytes: usize) {
        let end = (self.position + bytes).min(self.text.len());
        let passed = &self.text.as_bytes()[self.position..end];
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line += u32::try_from(lines).unwrap_or(0);
        self.position = end;
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.position..]
    }

    /// Past the first `end` from `ahead` on, or to the end of the text.
    fn skip_to(&mut self, ahead: usize, end: &[u8]) {
        let found = self.rest().get(ahead..).unwrap_or_default();
        let length = found.windows(end.len()).position(|it| it == end);
        self.advance(ahead + length.map_or(found.len(), |length| length + end.len()));
    }

    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.byte(0), self.byte(1)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                (0, _) if self.position >= self.text.len() => return,
                _ => {
                    self.advance(1);
                    continue;
                }
            }
            self.advance(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_text(&mut self, quote: u8) {
        self.advance(1);
        while self.position < self.text.len() {
            let byte = self.byte(0);
            self.advance(if byte == b'\\' { 2 } else { 1 });
            if byte == quote {
                return;
            }
        }
    }

    /// A character, or the mark of a lifetime or label, whose name is no name to us.
    fn skip_quote(&mut self) {
        let mut after = self.text[self.position + 1..].chars();
        let first = after.next().unwrap_or('\0');
        if first == '\\' || after.next() == Some('\'') {
            return self.skip_text(b'\'');
        }
        self.advance(1);
        self.advance(self.name_length());
    }

    fn name_length(&self) -> usize {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        self.rest().iter().take_while(|byte| is_part(byte)).count()
    }

    /// After a prefix such as `br`: the number of `#` if a raw text begins here.
    fn raw_marks(&self, ahead: usize) -> Option<usize> {
        let rest = self.rest().get(ahead..)?;
        let marks = rest.iter().take_while(|byte| **byte == b'#').count();
        (rest.get(marks) == Some(&b'"')).then_some(marks)
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = (Token<'a>, u32);

    fn next(&mut self) -> Option<Self::Item> {
        while self.position < self.text.len() {
            let line = self.line;
            match self.byte(0) {
                b' ' | b'\t' | b'\r' | b'\n' => self.advance(1),
                b'/' if self.byte(1) == b'/' => self.skip_to(2, b"\n"),
                b'/' if self.byte(1) == b'*' => self.skip_comment(),
                b'"' => self.skip_text(b'"'),
                b'\'' => self.skip_quote(),
                byte if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 => {
                    let length = self.name_length();
                    let name = &self.text[self.position..self.position + length];
                    if ["r", "br", "cr"].contains(&name)
                        && let Some(marks) = self.raw_marks(length)
                    {
                        let end: Vec<u8> = [b'"'].into_iter().chain(vec![b'#'; marks]).collect();
                        self.skip_to(length + marks + 1, &end);
                        continue;
                    }
                    self.advance(length);
                    if !byte.is_ascii_digit() {
                        return Some((Token::Name(name), line));
                    }
                }
                mark => {
                    self.advance(1);
                    return Some((Token::Mark(mark), line));
                }
            }
        }
        None
    }
}
