//! The output of *link*: the files of a linked program, and events while linking.

use std::{collections::BTreeMap, fs, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use kt::wire::{manifest::PlainStatic, platform::Glibc};
use serde::{Deserialize, Serialize};

use crate::artifacts::Compiled;

use super::{BaseChange, CrateIdentity, ExistingLayer, LinkError, elf, kt_dir};

/// A linked file, with what is needed to ship and check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFile {
    pub path: Utf8PathBuf,
    /// Its name in the `DT_NEEDED` of other objects, or the file name if it has none.
    pub soname: String,
    /// In hex, over the whole file.
    pub blake3: String,
    /// In bytes.
    pub size: u64,
    /// The GNU build id in hex; libstd has none.
    pub build_id: Option<String>,
    /// The newest glibc version among the symbols that it needs.
    pub glibc: Option<Glibc>,
}

impl LinkedFile {
    pub(super) fn of(path: &Utf8Path) -> Result<Self, LinkError> {
        let data = kt_dir::read(path)?;
        let dynamic = elf::dynamic(&data).map_err(LinkError::object(path))?;
        Ok(Self {
            path: path.to_owned(),
            soname: dynamic
                .soname
                .unwrap_or_else(|| path.file_name().unwrap_or_default().to_owned()),
            blake3: blake3::hash(&data).to_hex().to_string(),
            size: data.len() as u64,
            build_id: dynamic.build_id,
            glibc: dynamic.glibc,
        })
    }

    /// Whether the file still exists. Files are created by rename, so one with the right size is
    /// complete.
    pub(super) fn is_whole(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|meta| meta.len() == self.size)
    }
}

/// A crate object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedCrate {
    pub file: LinkedFile,
    pub package: String,
    pub version: String,
    /// rustc's name of the crate, with underscores.
    pub crate_name: String,
    /// [`crate::artifacts::HotCrate::sources_hash`] of its sources.
    pub sources_hash: String,
    /// Keys of its remote functions: what follows `kt:fn:` in the exported symbols, sorted.
    pub functions: Vec<String>,
    /// Keys of its functions with `#[kt::init]`: what follows `kt:start:`, sorted.
    pub inits: Vec<String>,
    /// Keys of its states: what follows `kt:state:`, sorted.
    pub states: Vec<String>,
    /// Keys of its states with the argument `keep`, sorted.
    #[serde(default)]
    pub keeps: Vec<String>,
    /// Mutable statics that are not states, sorted.
    pub statics: Vec<PlainStatic>,
    /// Whether it exports `kt:main`.
    pub has_main: bool,
    /// The sonames in its `DT_NEEDED`.
    pub needed: Vec<String>,
    /// Statics of the base that its load-time code may write to: crate and path, sorted.
    pub registers: Vec<(String, String)>,
    /// The rlib that it was linked from, under a name that no later build overwrites. It has the
    /// debug information.
    pub rlib: Utf8PathBuf,
}

/// A layer of this link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedLayer {
    pub file: LinkedFile,
    pub crates: Vec<CrateIdentity>,
}

impl From<&LinkedLayer> for ExistingLayer {
    fn from(layer: &LinkedLayer) -> Self {
        Self {
            soname: layer.file.soname.clone(),
            crates: layer.crates.clone(),
        }
    }
}

/// The layouts of a program's states as text for reload keys, by the crate's index in
/// [`Compiled::hot`]. Other layouts give another text.
pub type StateKeys = BTreeMap<usize, String>;

/// The driver's executable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Driver {
    /// The launcher, which calls `kt:main` of the last crate object.
    Library,
    /// A separate executable.
    Executable(LinkedFile),
}

/// A linked program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    pub launcher: LinkedFile,
    pub libstd: LinkedFile,
    /// Layer 0 first. It is in one directory with the launcher and libstd.
    pub layers: Vec<LinkedLayer>,
    /// Dependencies first: a valid load order.
    pub crates: Vec<LinkedCrate>,
    pub driver: Driver,
    pub base_change: BaseChange,
    /// The crate whose `#[global_allocator]` is not used: all objects use libstd's allocator.
    pub global_allocator: Option<String>,
    /// The program is an executable with code that runs before `main`. The worker does not run that
    /// code and does not have what it registers.
    #[serde(default)]
    pub registers_here_only: bool,
    /// The program as it was linked, if third-party crates were linked as hot ones because
    /// workspace crates fill their registries.
    pub promoted: Option<Box<Compiled>>,
    /// The state layouts that are part of the objects' names.
    pub states: StateKeys,
}

/// Events while linking, for the terminal.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LinkEvent {
    /// A command that is about to run, as a shell command line (`-v`).
    Command(String),
    /// A layer of the base was linked.
    Base {
        crates: usize,
        file: LinkedFile,
        elapsed: Duration,
    },
    Launcher {
        file: LinkedFile,
        elapsed: Duration,
    },
    /// A crate object was linked.
    Object {
        crate_name: String,
        file: LinkedFile,
        elapsed: Duration,
    },
    /// A driver without kt items was linked.
    Executable {
        file: LinkedFile,
        elapsed: Duration,
    },
    /// lld does not know these arguments of the user's, which another linker has.
    Ignored {
        arguments: Vec<String>,
    },
    /// No library defines these symbols, which C code of a third-party crate refers to. Calling
    /// them would crash.
    Weakened {
        object: String,
        symbols: Vec<String>,
    },
}

impl Linked {
    /// The part of the program that needs the newest glibc, for messages, and the version.
    pub fn newest_glibc(&self) -> Option<(String, Glibc)> {
        let named = |name: &str, file: &LinkedFile| (name.to_owned(), file.glibc);
        let all = [
            named("the launcher", &self.launcher),
            named("the Rust standard library", &self.libstd),
        ];
        let layers = self
            .layers
            .iter()
            .map(|layer| named("the base of third-party crates", &layer.file));
        let crates = self
            .crates
            .iter()
            .map(|krate| named(&format!("the crate `{}`", krate.crate_name), &krate.file));
        let needs = all.into_iter().chain(layers).chain(crates);
        needs
            .filter_map(|(name, glibc)| Some((name, glibc?)))
            // The last of equal ones: the user's own crate.
            .max_by_key(|(_, glibc)| *glibc)
    }

    pub(super) fn is_whole(&self) -> bool {
        let driver = match &self.driver {
            Driver::Library => None,
            Driver::Executable(file) => Some(file),
        };
        let files = [&self.launcher, &self.libstd].into_iter().chain(driver);
        let files = files
            .chain(self.layers.iter().map(|layer| &layer.file))
            .chain(self.crates.iter().map(|krate| &krate.file));
        files.into_iter().all(LinkedFile::is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, glibc: Option<Glibc>) -> LinkedFile {
        LinkedFile {
            path: name.into(),
            soname: name.into(),
            blake3: String::new(),
            size: 0,
            build_id: None,
            glibc,
        }
    }

    #[test]
    fn the_part_that_needs_the_newest_glibc_is_named_and_of_equal_ones_the_users_crate() {
        let krate = |name: &str, glibc| LinkedCrate {
            file: file(name, Some(glibc)),
            package: name.into(),
            version: String::new(),
            crate_name: name.into(),
            sources_hash: String::new(),
            functions: Vec::new(),
            inits: Vec::new(),
            states: Vec::new(),
            keeps: Vec::new(),
            statics: Vec::new(),
            has_main: false,
            needed: Vec::new(),
            registers: Vec::new(),
            rlib: Utf8PathBuf::new(),
        };
        let linked = Linked {
            launcher: file("launcher", Some(Glibc(2, 34))),
            libstd: file("libstd.so", None),
            layers: vec![LinkedLayer {
                file: file("base.so", Some(Glibc(2, 36))),
                crates: Vec::new(),
            }],
            crates: vec![krate("old", Glibc(2, 4)), krate("app", Glibc(2, 36))],
            driver: Driver::Library,
            base_change: BaseChange::New,
            global_allocator: None,
            registers_here_only: false,
            promoted: None,
            states: StateKeys::new(),
        };
        let newest = linked.newest_glibc();
        assert_eq!(newest, Some(("the crate `app`".to_owned(), Glibc(2, 36))));
    }
}
