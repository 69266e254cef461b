//! The *type identity* that a crate is compiled under. It is part of `-C metadata`, and so of every
//! `TypeId` and symbol of the crate.
//!
//! rustc computes a `TypeId` from a type's path and its crate's identity, not from its fields. If a
//! field's type changed, a downcast in new code would accept a value of old code and misread it. So
//! a crate in which an existing definition changed, and each crate that depends on it, gets another
//! identity. To rustc its types are then types of another crate, and a downcast between them fails.
//! Edits that change no definition change no identity.
//!
//! Only rustc knows the files of a crate, and it reports them before it compiles them: in its
//! dep-info. So rustc starts under the previous identity and is stopped if the sources require
//! another one. By then no dependent has started: they wait for the metadata.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::debug_info::{self, DebugInfo, Debugged};
use super::depinfo::DepInfo;
use super::file;
use super::record::{Record, UnitKey};
use super::records::Records;
use super::unit::{self, Purpose, Unit};
use crate::artifacts::{HotCrate, Invocation};
use crate::layout::{self, TypeIdentity};

/// How often rustc restarts before the crate gets a new, unique identity.
const ATTEMPTS: u32 = 3;

fn variable() -> Option<String> {
    std::env::var(debug_info::VARIABLE).ok()
}

fn is_debugged(records: &Records, invocation: &Invocation) -> bool {
    let mut set = invocation.environment.iter();
    let package = set.find(|(name, _)| name == "CARGO_PKG_NAME");
    package.is_some_and(|(_, package)| Debugged::of(records.warm()).has(package))
}

/// Part of the base, even if it is a path dependency.
const RUNTIME: &str = "kt-runtime";

/// The type identity of one crate during its compilation.
pub(super) struct Types<'a> {
    records: &'a Records,
    unit: &'a Unit,
    invocation: &'a Invocation,
    /// `None` for crates that run during the build: a worker never has their types.
    current: Option<RefCell<Current>>,
}

struct Current {
    debug_info: DebugInfo,
    id: String,
    /// No crate was compiled under it yet.
    is_new: bool,
    attempts: u32,
    /// Computed from the sources that were accepted last.
    identity: Option<TypeIdentity>,
}

/// Stored before dependents start. The record follows only when the crate is compiled completely.
#[derive(Debug, Serialize, Deserialize)]
struct Announced {
    krate: HotCrate,
    /// The hot crates among its direct dependencies.
    below: Vec<UnitKey>,
}

impl<'a> Types<'a> {
    /// `previous` is the record of the crate's last compilation.
    pub(super) fn begin(
        records: &'a Records,
        unit: &'a Unit,
        invocation: &'a Invocation,
        previous: Option<&Record>,
    ) -> Self {
        let id = previous.and_then(|record| record.types.clone());
        let is_new = id.is_none();
        let current = (unit.purpose != Purpose::Host).then(|| {
            RefCell::new(Current {
                // A wrong guess only means that rustc starts twice.
                debug_info: DebugInfo::wanted(
                    variable().as_deref(),
                    is_debugged(records, invocation),
                    previous.is_some_and(|record| record.debug_info.breakpoints),
                ),
                id: id.unwrap_or_else(layout::new_identity),
                is_new,
                attempts: 0,
                identity: None,
            })
        });
        Self {
            records,
            unit,
            invocation,
            current,
        }
    }

    /// The current identity.
    pub(super) fn id(&self) -> Option<String> {
        self.current
            .as_ref()
            .map(|current| current.borrow().id.clone())
    }

    pub(super) fn debug_info(&self) -> DebugInfo {
        let current = self.current.as_ref();
        current.map_or_else(DebugInfo::default, |current| current.borrow().debug_info)
    }

    /// rustc's arguments with the identity in them.
    pub(super) fn arguments(&self, arguments: &[String]) -> Vec<String> {
        let mut arguments = arguments.to_vec();
        let Some(id) = self.id() else {
            return arguments;
        };
        arguments.push(format!("-Cmetadata={id}"));
        arguments.extend(self.debug_info().flag().map(str::to_owned));
        // rustc names its incremental data by the identity and never removes that of another
        // identity.
        if let Some(directory) = self.incremental(&arguments) {
            arguments.push(format!("-Cincremental={directory}"));
        }
        arguments
    }

    fn incremental(&self, arguments: &[String]) -> Option<Utf8PathBuf> {
        let value = |argument: &String| {
            let option = argument.strip_prefix("-C").unwrap_or(argument);
            Some(Utf8PathBuf::from(option.strip_prefix("incremental=")?))
        };
        let directory = arguments.iter().rev().find_map(value)?;
        Some(directory.join(format!("kt-{}", self.unit.stem())))
    }

    /// Whether the sources that rustc just read match the identity. If not, the next
    /// [`Types::arguments`] contain another one, and the caller must stop rustc, call
    /// [`Types::remove_incremental`] and start rustc again.
    pub(super) fn agrees(&self) -> bool {
        let Some(current) = &self.current else {
            return true;
        };
        let mut current = current.borrow_mut();
        let announced = self.announced();
        let sources = announced.as_ref().map_or(&[][..], |it| &it.krate.sources);
        let debug_info = DebugInfo::wanted(
            variable().as_deref(),
            is_debugged(self.records, self.invocation),
            debug_info::have_breakpoints(sources),
        );
        if debug_info != std::mem::replace(&mut current.debug_info, debug_info) {
            return false;
        }
        let identity = announced.as_ref().and_then(|it| {
            let mut crates = self.below(&it.below)?;
            crates.push(it.krate.clone());
            TypeIdentity::of(&crates, self.records.warm())
        });
        let known = identity.as_ref().and_then(|it| it.known.clone());
        let agrees = match &known {
            Some(known) => *known == current.id,
            // Definitions that match no known identity, or cannot be compared, get a unique one.
            None => current.is_new,
        };
        if agrees || current.is_new && current.attempts + 1 >= ATTEMPTS {
            announced.iter().for_each(|it| self.announce(it));
            current.identity = identity;
            return true;
        }
        current.attempts += 1;
        current.is_new = known.is_none() || current.attempts + 1 >= ATTEMPTS;
        current.id = known
            .filter(|_| !current.is_new)
            .unwrap_or_else(layout::new_identity);
        false
    }

    /// Removes the incremental data of the identity that does not match. rustc must have exited:
    /// it would write more.
    pub(super) fn remove_incremental(&self) {
        if let Some(directory) = self.incremental(&self.invocation.arguments) {
            // A cache: what remains only costs disk space.
            let _ = std::fs::remove_dir_all(directory);
        }
    }

    /// Stores the definitions that the identity stands for, now that the crate is compiled. Code
    /// that does not compile stores nothing.
    ///
    /// # Errors
    /// If the file system fails, with the path. The crate must not run then.
    pub(super) fn remember(&self) -> Result<(), (Utf8PathBuf, io::Error)> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        let current = current.borrow();
        match &current.identity {
            Some(identity) => identity
                .remember(&current.id)
                .map_err(|error| (identity.place().to_owned(), error)),
            None => Ok(()),
        }
    }

    fn announced(&self) -> Option<Announced> {
        let text = std::fs::read_to_string(self.unit.dep_info()).ok()?;
        let info = DepInfo::parse(&text, &self.invocation.directory);
        let variable = |wanted: &str| {
            let mut set = self.invocation.environment.iter();
            set.find(|(name, _)| name == wanted)
                .map_or_else(String::new, |(_, value)| value.clone())
        };
        let krate = HotCrate {
            package: variable("CARGO_PKG_NAME"),
            version: variable("CARGO_PKG_VERSION"),
            crate_name: self.unit.crate_name.clone(),
            rlib: self.unit.rlib(),
            dependencies: Vec::new(),
            sources_hash: String::new(),
            sources: info.files,
            variables: info.environment,
            invocation: Some(self.invocation.clone()),
            types: None,
        };
        let keys = unit::externs(&self.invocation.arguments)
            .filter(|path| path.extension() != Some("so"))
            .filter_map(|path| UnitKey::of_artifact(&path));
        // Outside the workspace path dependencies have records, kt-runtime included.
        let is_hot = |key: &UnitKey| {
            let record = || self.records.read(key);
            self.records.types_path(key).exists()
                || record().is_some_and(|record| record.package.name != RUNTIME)
        };
        Some(Announced {
            krate,
            below: keys.filter(is_hot).collect(),
        })
    }

    fn announce(&self, announced: &Announced) {
        let path = self.records.types_path(&self.unit.key());
        let written = serde_json::to_vec(announced)
            .map_err(io::Error::from)
            .and_then(|bytes| file::write_atomically(&path, &bytes));
        if written.is_err() {
            // Without this file dependents get unique identities.
            let _ = std::fs::remove_file(path);
        }
    }

    /// All hot crates among the dependencies, dependencies first. `None` if the definitions of one
    /// are unknown.
    fn below(&self, direct: &[UnitKey]) -> Option<Vec<HotCrate>> {
        let mut crates = Vec::new();
        let mut seen = HashSet::new();
        direct
            .iter()
            .all(|key| self.add_below(key, &mut seen, &mut crates))
            .then_some(crates)
    }

    fn add_below(
        &self,
        key: &UnitKey,
        seen: &mut HashSet<UnitKey>,
        crates: &mut Vec<HotCrate>,
    ) -> bool {
        if !seen.insert(key.clone()) {
            return true;
        }
        let announced = std::fs::read(self.records.types_path(key)).ok();
        if let Some(announced) =
            announced.and_then(|bytes| serde_json::from_slice::<Announced>(&bytes).ok())
        {
            let all = announced
                .below
                .iter()
                .all(|key| self.add_below(key, seen, crates));
            crates.push(announced.krate);
            return all;
        }
        // A crate outside the workspace, which is not compiled through the wrapper.
        let Some(record) = self.records.read(key).filter(|it| it.invocation.is_none()) else {
            return false;
        };
        let Ok(text) = std::fs::read_to_string(key.dep_info()) else {
            return false;
        };
        let info = DepInfo::parse(&text, &record.directory);
        let name = key
            .stem
            .rsplit_once('-')
            .map_or(key.stem.as_str(), |it| it.0);
        crates.push(HotCrate {
            package: record.package.name,
            version: String::new(),
            crate_name: name.to_owned(),
            rlib: key.out_dir.join(format!("lib{}.rlib", key.stem)),
            dependencies: Vec::new(),
            sources_hash: String::new(),
            sources: info.files,
            variables: info.environment,
            invocation: None,
            types: None,
        });
        true
    }
}
