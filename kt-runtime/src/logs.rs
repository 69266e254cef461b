use std::{io, path::Path};
pub struct LogWriter;
impl LogWriter {
    pub fn open(_: &Path) -> io::Result<Self> { Ok(Self) }
    pub fn position(&self) -> u64 { 0 }
    pub fn append(&mut self, _: &[u8]) -> u64 { 0 }
}
