//! The definitions of a program, collected only if somebody needs more than their name.
//!
//! Every definition may depend on every other, so to collect them takes seconds for some hundred files. Most edits are of
//! bodies, which change no facts: what was collected of these facts before is then known by their digest.

use std::{borrow::Cow, cell::OnceCell};

use super::program::{Crate, Definitions, SourceFacts};
use crate::layout::syntax::Digest;

/// Definitions, and what they are collected of.
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

    /// Of everything that [`Definitions::of`] reads: two of one digest have the same definitions.
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
            // That of other files counts nowhere.
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
    // A hasher takes everything, and facts have no map whose key is not a text.
    let _ = serde_json::to_writer(&mut *hasher, value);
    hasher.update(b"\n");
}
