//! The definitions of a program, collected only if a caller needs more than their digest.
//!
//! Every definition may depend on every other, so collecting them takes seconds for some hundred
//! files. Most edits change bodies and no facts. Then an earlier result is found by the digest of
//! the facts.

use std::{borrow::Cow, cell::OnceCell};

use super::program::{Crate, Definitions, SourceFacts};
use crate::layout::syntax::Digest;

/// Definitions, and their inputs.
#[derive(Debug, Clone)]
pub struct Collected<'a> {
    crates: Cow<'a, [Crate]>,
    files: Cow<'a, [SourceFacts]>,
    definitions: OnceCell<Definitions>,
}

impl<'a> Collected<'a> {
    pub fn of(
        crates: impl Into<Cow<'a, [Crate]>>,
        files: impl Into<Cow<'a, [SourceFacts]>>,
    ) -> Self {
        Self {
            crates: crates.into(),
            files: files.into(),
            definitions: OnceCell::new(),
        }
    }

    pub fn definitions(&self) -> &Definitions {
        self.definitions
            .get_or_init(|| Definitions::of(&self.crates, &self.files))
    }

    /// A digest of everything that [`Definitions::of`] reads: equal digests mean equal definitions.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for krate in &*self.crates {
            let Crate {
                package,
                name,
                settings,
                externs,
                is_of_2015,
            } = krate;
            write(&mut hasher, &(package, name, settings, externs, is_of_2015));
        }
        let asks_beyond: Vec<bool> = (0..self.crates.len())
            .map(|hot| {
                let of_crate = self.files.iter().filter(|file| file.hot == hot);
                let mut items = of_crate.flat_map(|file| &file.definitions.items);
                items.any(|item| item.asks_beyond)
            })
            .collect();
        for file in &*self.files {
            let SourceFacts {
                hot,
                path,
                content,
                definitions,
            } = file;
            // The content of other files is not used.
            let counts = definitions.is_raw || asks_beyond[*hot];
            write(
                &mut hasher,
                &(hot, path, counts.then_some(content), definitions),
            );
        }
        Digest::new("definitions")
            .add_bytes(hasher.finalize().as_bytes())
            .finish()
    }
}

fn write(hasher: &mut blake3::Hasher, value: &impl serde::Serialize) {
    // A hasher accepts all writes, and facts have only text as map keys.
    let _ = serde_json::to_writer(&mut *hasher, value);
    hasher.update(b"\n");
}
