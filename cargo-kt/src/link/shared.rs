//! One shared object from rlibs: what layers and crate objects have in common, and what is done when symbols are missing.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, LinkEvent, Linker,
    archive::{self, ArchiveFacts, Repairs},
    hash::{Name, build_id, short},
    native, warm,
};

/// A link to be done.
pub(super) struct SharedLink<'a> {
    /// In words, for errors.
    pub what: String,
    pub output: Utf8PathBuf,
    pub soname: &'a str,
    /// 64 hex digits over everything that goes in.
    pub hash: &'a str,
    pub rlibs: Vec<(&'a Utf8Path, &'a ArchiveFacts)>,
    /// Flags of this kind of object.
    pub flags: &'a [&'a str],
    /// Shared objects of kt to link against.
    pub against: Vec<&'a Utf8Path>,
    /// `-l` and friends.
    pub natives: Vec<String>,
    /// Whether symbols that nothing has may stay without a value. Linked statically the members that name them would not
    /// have been pulled in; an object linked whole has them all.
    pub weaken: bool,
    /// Looks up symbols of hot crates, which must not be needed here.
    pub hot: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// Flags that all shared objects are linked with.
///
/// - `--eh-frame-hdr`: without it a panic finds no way to unwind and aborts.
/// - `-Bsymbolic`: an object's own references are bound at link time. A process over 137 crates
///   starts with 3.7 ms of CPU instead of 17. Relative relocations could be packed, too, but that needs glibc 2.36 and gains 0.1 ms.
/// - `-z now`: no lazy binding; a missing symbol shows when an object is loaded and not during a call.
/// - `--no-undefined`: or, better, when it is linked.
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
    /// Links; gives back the arguments that worked.
    pub fn run(&self, linker: &Linker<'_>) -> Result<Vec<String>, LinkError> {
        let mut natives = self.natives.clone();
        let mut weaken = BTreeSet::new();
        let mut asked = false;
        loop {
            let rlibs = self.prepare(linker, &weaken)?;
            let arguments = self.arguments(linker, &rlibs, &natives);
            linker.say(LinkEvent::Command(
                linker.lld.command(&arguments, &self.output),
            ));
            let Err(refused) = linker.lld.link(&arguments, &self.output)? else {
                return Ok(arguments);
            };
            let undefined = refused.undefined();
            self.check_hot(&undefined)?;
            let fatal = || linker.lld.error(&self.what, &arguments, &self.output);
            if undefined.is_empty() {
                return Err(fatal());
            }
            let names: Vec<_> = undefined.iter().map(|(name, _)| name.clone()).collect();
            linker.check_glibc(&self.what, &names)?;
            if !asked {
                asked = true;
                let places: BTreeSet<_> = undefined.iter().flat_map(|(_, places)| places).collect();
                let sources = rlibs
                    .iter()
                    .zip(&self.rlibs)
                    .filter(|(prepared, _)| places.contains(prepared));
                let sources: Vec<_> = sources
                    .map(|(_, (source, _))| (*source).to_owned())
                    .collect();
                let libraries = native::asked_by_attributes(linker, &sources)?;
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
            linker.say(LinkEvent::Weakened {
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
        arguments.extend(linker.system.hides());
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

/// The rlib itself, or a repaired copy; copies are kept by content.
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
        .warm
        .archives()
        .join(format!("{stem}-{}.rlib", short(&name.hex())));
    if !copy.is_file() {
        let repaired =
            archive::repair(&warm::read(rlib)?, repairs).map_err(LinkError::object(rlib))?;
        warm::write(&copy, &repaired)?;
    }
    Ok(copy)
}
