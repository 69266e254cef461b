//! Short texts without an allocator or `core::fmt`, which would double the program's size.

use core::ffi::CStr;

use crate::sys::Errno;

/// At most `SIZE - 1` bytes; anything longer is truncated.
pub struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    pub const fn new() -> Self {
        Self {
            bytes: [0; SIZE],
            length: 0,
        }
    }

    pub fn of(text: &str) -> Self {
        let mut new = Self::new();
        new.add(text);
        new
    }

    pub fn add(&mut self, text: &str) {
        self.add_bytes(text.as_bytes());
    }

    pub fn add_bytes(&mut self, bytes: &[u8]) {
        // The last byte stays zero: it terminates the C string.
        for &byte in bytes.iter().take(SIZE - 1 - self.length) {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    pub fn add_number(&mut self, number: u64) {
        if number >= 10 {
            self.add_number(number / 10);
        }
        self.add_bytes(&[b'0' + (number % 10) as u8]);
    }

    pub fn add_hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in bytes {
            let digits = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            self.add_bytes(&digits);
        }
    }

    /// Appends an error's message and number.
    pub fn and(mut self, error: Errno) -> Self {
        self.add(error.message());
        self.add(" (os error ");
        self.add_number(error.0 as u64);
        self.add(")");
        self
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// For system calls. The C string ends at the first zero.
    pub fn c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}
