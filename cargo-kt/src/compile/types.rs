//! Which *type identity* a crate is compiled under: part of `-C metadata`, and so of every `TypeId` and symbol of the crate.
//!
//! rustc makes a `TypeId` from a type's path and its crate's identity, not from its fields. If a field's type changed, a
//! downcast in new code would accept a value of old code and read it as something else. So a crate in which an existing
//! definition changed, and each crate above it, gets another identity: to rustc its types are then those of another
//! crate, and no checked cast leads from one to the other. Edits that change no definition change no identity.
//!
//! Only rustc knows which files a crate consists of, and it says so before it makes anything of them: in its dep-info. So
//! it starts under the identity of last time and is stopped when the sources turn out to say something else. Dependents
//! have not started by then: they wait for the metadata.

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

/// How often rustc starts anew before an identity is taken that nothing else has.
const ATTEMPTS: u32 = 3;

fn variable() -> Option<String> {
    std::env::var(debug_info::VARIABLE).ok()
}

fn is_debugged(records: &Records, invocation: &Invocation) -> bool {
    let mut set = invocation.environment.iter();
    let package = set.find(|(name, _)| name == "CARGO_PKG_NAME");
    package.is_some_and(|(_, package)| Debugged::of(records.warm()).has(package))
}

/// Part of the base, wherever it lies.
const RUNTIME: &str = "kt-runtime";

/// The identity of one crate while it is being compiled.
pub(super) struct Types<'a> {
    records: &'a Records,
    unit: &'a Unit,
    invocation: &'a Invocation,
    /// `None` for what runs while building: a worker never sees its types.
    current: Option<RefCell<Current>>,
}

struct Current {
    debug_info: DebugInfo,
    id: String,
    /// Nothing has been compiled under it yet.
    is_new: bool,
    attempts: u32,
    /// Of the sources that were accepted last.
    identity: Option<TypeIdentity>,
}

/// What is written down before dependents start. A record follows only when all of the crate is compiled.
#[derive(Debug, Serialize, Deserialize)]
struct Announced {
    krate: HotCrate,
    /// Hot crates that it is given.
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
                // What it had last time decides nothing but whether rustc starts twice.
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

    /// The identity that holds now.
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
        // rustc names what it keeps for the next time by the identity and never removes that of another.
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

    /// Whether the sources that rustc has just read have the meaning that the identity stands for. If not, the next
    /// [`Types::arguments`] have another, and rustc has to start anew.
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
            // What agrees with nothing, or cannot be compared, goes by a name that nothing else has.
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
        if let Some(directory) = self.incremental(&self.invocation.arguments) {
            // A cache: what stays of it costs disk space and nothing else.
            let _ = std::fs::remove_dir_all(directory);
        }
        false
    }

    /// Writes down what the identity stands for, now that the crate is compiled. Code that does not compile leaves no trace.
    ///
    /// # Errors
    /// Those of the file system, with the path. The crate must not run then.
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
        // Of crates outside of the workspace those in a directory of the user's have records, and kt-runtime has.
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
            // Dependents then know nothing of this crate, and take an identity of their own.
            let _ = std::fs::remove_file(path);
        }
    }

    /// All hot crates below, dependencies first; `None` if one of them says nothing of itself.
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
        // A crate outside of the workspace, which does not come by here.
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
