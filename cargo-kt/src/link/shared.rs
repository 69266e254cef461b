//! Links rlibs into one shared object: the common part of layers and crate objects, and the
//! handling of undefined symbols.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, LinkEvent, Linker,
    archive::{self, ArchiveFacts, Repairs},
    hash::{Name, build_id, short},
    native, warm,
};

/// A shared object to link.
pub(super) struct SharedLink<'a> {
    /// What is linked, for errors.
    pub what: String,
    pub output: Utf8PathBuf,
    pub soname: &'a str,
    /// 64 hex digits: a hash over all inputs.
    pub hash: &'a str,
    pub rlibs: Vec<(&'a Utf8Path, &'a ArchiveFacts)>,
    /// Flags for this kind of object.
    pub flags: &'a [&'a str],
    /// Shared objects of kt to link against.
    pub against: Vec<&'a Utf8Path>,
    /// `-l` and related arguments.
    pub natives: Vec<String>,
    /// Whether undefined symbols may stay undefined. A static link would not pull in the members
    /// that refer to them, but an object that is linked whole has them all.
    pub weaken: bool,
    /// Returns the hot crate that defines a symbol. This object must not need one.
    pub hot: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// Flags for all shared objects.
///
/// - `--eh-frame-hdr`: without it, a panic cannot unwind and aborts.
/// - `-Bsymbolic`: an object's own references are bound at link time. A process over 137 crates
///   starts with 3.7 ms of CPU instead of 17. Packed relative relocations would need glibc 2.36 and
///   save only 0.1 ms.
/// - `-z now`: no lazy binding. A missing symbol is an error when the object is loaded, not during
///   a call.
/// - `--no-undefined`: a missing symbol is already an error at link time.
pub(super) const FLAGS: [&str; 8] = [
    "-shared",
    "--eh-frame-hdr",
    "-Bsymbolic",
    "-z",
    "now",
    "--hash-style=gnu",
    "--no-undefined",
    "--as-needed",
];

impl SharedLink<'_> {
    /// Links. Returns the arguments that worked.
    pub fn run(&self, linker: &Linker<'_>) -> Result<Vec<String>, LinkError> {
        let mut natives = self.natives.clone();
        let mut weaken = BTreeSet::new();
        let mut has_read_attributes = false;
        loop {
            let rlibs = self.prepare(linker, &weaken)?;
            let arguments = self.arguments(linker, &rlibs, &natives);
            linker.report(LinkEvent::Command(
                linker.lld.command(&arguments, &self.output),
            ));
            let Err(failure) = linker.lld.link(&arguments, &self.output)? else {
                return Ok(arguments);
            };
            let undefined = failure.undefined();
            self.check_hot(&undefined)?;
            let fatal = || linker.lld.error(&self.what, &arguments, &self.output);
            if undefined.is_empty() {
                return Err(fatal());
            }
            let names: Vec<_> = undefined.iter().map(|(name, _)| name.clone()).collect();
            linker.check_glibc(&self.what, &names)?;
            if !has_read_attributes {
                has_read_attributes = true;
                let places: BTreeSet<_> = undefined.iter().flat_map(|(_, places)| places).collect();
                let sources = rlibs
                    .iter()
                    .zip(&self.rlibs)
                    .filter(|(prepared, _)| places.contains(prepared));
                let sources: Vec<_> = sources
                    .map(|(_, (source, _))| (*source).to_owned())
                    .collect();
                let libraries = native::from_link_attributes(linker, &sources)?;
                if !libraries.is_empty() {
                    natives.extend(linker.natives.search_arguments(&linker.system));
                    natives.extend(linker.natives.shared_arguments(&libraries, &linker.system));
                    continue;
                }
            }
            let before = weaken.len();
            weaken.extend(undefined.into_iter().map(|(name, _)| name));
            if !self.weaken || weaken.len() == before {
                return Err(fatal());
            }
            linker.report(LinkEvent::Weakened {
                object: self.soname.to_owned(),
                symbols: weaken.iter().cloned().collect(),
            });
        }
    }

    fn check_hot(&self, undefined: &[(String, Vec<Utf8PathBuf>)]) -> Result<(), LinkError> {
        let hot: Vec<_> = undefined
            .iter()
            .filter_map(|(name, _)| Some(((self.hot)(name)?, name.clone())))
            .collect();
        match hot.first() {
            Some((name, _)) => Err(LinkError::BaseNeedsHot {
                hot: name.clone(),
                symbols: hot
                    .iter()
                    .filter(|(other, _)| other == name)
                    .map(|(_, symbol)| symbol.clone())
                    .take(3)
                    .collect(),
            }),
            None => Ok(()),
        }
    }

    fn arguments(
        &self,
        linker: &Linker<'_>,
        rlibs: &[Utf8PathBuf],
        natives: &[String],
    ) -> Vec<String> {
        let mut arguments: Vec<String> = FLAGS
            .iter()
            .chain(self.flags)
            .map(|&flag| flag.to_owned())
            .collect();
        arguments.extend([
            "-soname".to_owned(),
            self.soname.to_owned(),
            format!("--build-id=0x{}", build_id(self.hash)),
        ]);
        arguments.push("--whole-archive".to_owned());
        arguments.extend(rlibs.iter().map(Utf8PathBuf::to_string));
        arguments.push("--no-whole-archive".to_owned());
        arguments.push(linker.std.shared.to_string());
        arguments.extend(self.against.iter().map(|path| path.to_string()));
        arguments.extend_from_slice(natives);
        let rest = linker.std.archives.iter().chain(&linker.system.libraries);
        arguments.extend(rest.map(Utf8PathBuf::to_string));
        arguments.extend(linker.system.exclude_libs_flag());
        arguments
    }

    fn prepare(
        &self,
        linker: &Linker<'_>,
        weaken: &BTreeSet<String>,
    ) -> Result<Vec<Utf8PathBuf>, LinkError> {
        let prepare = |(rlib, facts): &(&Utf8Path, &ArchiveFacts)| {
            let repairs = Repairs {
                weaken: weaken.clone(),
                ..Repairs::for_facts(facts)
            };
            prepared(linker, rlib, facts, &repairs)
        };
        self.rlibs.iter().map(prepare).collect()
    }
}

/// The rlib itself, or a repaired copy, which is cached by content.
pub(super) fn prepared(
    linker: &Linker<'_>,
    rlib: &Utf8Path,
    facts: &ArchiveFacts,
    repairs: &Repairs,
) -> Result<Utf8PathBuf, LinkError> {
    if repairs.is_none() {
        return Ok(rlib.to_owned());
    }
    let mut name = Name::new("archive");
    name.add(&facts.content)
        .add([
            u8::from(repairs.protect),
            u8::from(repairs.undefine_allocator),
        ])
        .add_all(&repairs.weaken);
    let stem = rlib.file_stem().unwrap_or("archive");
    let copy = linker
        .kt_dir
        .archives()
        .join(format!("{stem}-{}.rlib", short(&name.hex())));
    if !copy.is_file() {
        let repaired =
            archive::repair(&warm::read(rlib)?, repairs).map_err(LinkError::object(rlib))?;
        warm::write(&copy, &repaired)?;
    }
    Ok(copy)
}
