//! A hash over parts.

/// A hash over texts, each with its length, so that moving a border between two changes it.
#[derive(Debug, Clone)]
pub struct Digest(blake3::Hasher);

impl Digest {
    pub fn new(what: &str) -> Self {
        let mut digest = Self(blake3::Hasher::new());
        digest.add(what);
        digest
    }

    pub fn add(&mut self, text: &str) -> &mut Self {
        self.add_bytes(text.as_bytes())
    }

    pub fn add_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0
            .update(&(bytes.len() as u64).to_le_bytes())
            .update(bytes);
        self
    }

    /// 64 hex digits.
    pub fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
