//! The symbols that an archive or library defines and needs, in a form small enough to read at
//! every link.

use std::{collections::BTreeSet, fs};

use camino::Utf8Path;

use super::{
    LinkError,
    archive::{ArchiveFacts, members},
    elf, warm,
};

/// Defined and needed symbols, as the first 8 bytes of each name's blake3, sorted. A collision only
/// makes an object appear needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Symbols {
    pub defined: Vec<u64>,
    pub undefined: Vec<u64>,
}

/// The symbols that an rlib exports to other shared objects and needs from them.
pub fn of_archive(archive: &[u8]) -> Result<Symbols, object::Error> {
    let (mut defined, mut undefined) = (BTreeSet::new(), BTreeSet::new());
    for member in members(archive)? {
        for symbol in member.symbols()? {
            let set = if symbol.is_undefined() {
                &mut undefined
            } else {
                &mut defined
            };
            set.insert(name_hash(symbol.name));
        }
    }
    let undefined = undefined.difference(&defined).copied().collect();
    Ok(Symbols {
        defined: defined.into_iter().collect(),
        undefined,
    })
}

/// [`of_archive`] of an rlib with these facts, cached.
pub(super) fn of_rlib(
    kt_dir: &warm::KtDir,
    rlib: &Utf8Path,
    facts: &ArchiveFacts,
) -> Result<Symbols, LinkError> {
    cached(&kt_dir.symbols().join(&facts.content[..32]), || {
        of_archive(&warm::read(rlib)?).map_err(LinkError::object(rlib))
    })
}

/// The hash of a name in [`Symbols`].
pub fn name_hash(name: &[u8]) -> u64 {
    let hash = *blake3::hash(name).as_bytes();
    u64::from_le_bytes([
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
    ])
}

/// The symbols that a shared object exports.
pub fn of_shared(data: &[u8]) -> Result<Symbols, object::Error> {
    let mut defined: Vec<_> = elf::exports(data)?.into_iter().map(name_hash).collect();
    defined.sort_unstable();
    Ok(Symbols {
        defined,
        undefined: Vec::new(),
    })
}

impl Symbols {
    /// Whether `other` defines any undefined symbol of this one.
    pub fn uses(&self, other: &Self) -> bool {
        let (mut mine, mut theirs) = (
            self.undefined.iter().peekable(),
            other.defined.iter().peekable(),
        );
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(mine.next()),
                std::cmp::Ordering::Greater => drop(theirs.next()),
                std::cmp::Ordering::Equal => return true,
            }
        }
        false
    }

    /// Little-endian 64-bit words: the number of defined symbols, the defined ones, the undefined
    /// ones.
    fn to_bytes(&self) -> Vec<u8> {
        let words = std::iter::once(self.defined.len() as u64)
            .chain(self.defined.iter().chain(&self.undefined).copied());
        words.flat_map(u64::to_le_bytes).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let defined = usize::try_from(words.next()?).ok()?;
        let words: Vec<_> = words.collect();
        let (defined, undefined) = words.split_at_checked(defined)?;
        Some(Self {
            defined: defined.to_vec(),
            undefined: undefined.to_vec(),
        })
    }
}

/// Reads the symbols from the file `cache`, whose name identifies their input. If it does not
/// exist, calls `find`.
pub(super) fn cached(
    cache: &Utf8Path,
    find: impl FnOnce() -> Result<Symbols, LinkError>,
) -> Result<Symbols, LinkError> {
    if let Some(known) = fs::read(cache)
        .ok()
        .and_then(|bytes| Symbols::from_bytes(&bytes))
    {
        return Ok(known);
    }
    let symbols = find()?;
    warm::write(cache, &symbols.to_bytes())?;
    Ok(symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_survive_being_cached() {
        let symbols = Symbols {
            defined: vec![1, 5, 9],
            undefined: vec![2, 7],
        };
        assert_eq!(Symbols::from_bytes(&symbols.to_bytes()), Some(symbols));
        assert_eq!(Symbols::from_bytes(&[9, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Symbols::from_bytes(&[1, 2, 3]), None);
    }

    #[test]
    fn a_crate_uses_what_defines_its_undefined_symbols() {
        let of = |defined: &[u64], undefined: &[u64]| Symbols {
            defined: defined.into(),
            undefined: undefined.into(),
        };
        assert!(of(&[], &[2, 7]).uses(&of(&[1, 7], &[])));
        assert!(!of(&[1], &[2, 7]).uses(&of(&[1, 3, 8], &[2])));
    }
}
