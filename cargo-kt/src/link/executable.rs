//! Executables: the launcher, and drivers without kt items. They are linked against shared objects
//! in place of rlibs.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, LinkEvent, LinkedCrate, LinkedFile, LinkedLayer, Linker,
    archive::{ArchiveFacts, Repairs},
    hash::{Name, build_id, short},
    kt_dir,
    lld::LinkFailure,
    shared::prepared,
};
use crate::artifacts::LinkLine;

/// How many unused drivers are kept.
const MAX_UNUSED: usize = 16;

/// A position-independent executable to link.
pub(super) struct ExecutableLink<'a> {
    /// The path of the dynamic linker, if it is not the system's.
    pub interpreter: Option<&'a str>,
    pub objects: &'a [Utf8PathBuf],
    /// In the search order of the dynamic linker.
    pub shared: Vec<&'a Utf8Path>,
    /// Whether all of `shared` become `DT_NEEDED`, even if no symbol refers to them.
    pub always_needed: bool,
    pub extra: Vec<String>,
}

impl ExecutableLink<'_> {
    pub fn arguments(&self, linker: &Linker<'_>) -> Vec<String> {
        let system = &linker.system;
        // Without `-z nocopyreloc`, an executable could have copies of the base's statics, which
        // the base would not use.
        let mut arguments: Vec<String> = [
            "-pie",
            "--eh-frame-hdr",
            "-z",
            "now",
            "-z",
            "nocopyreloc",
            "--hash-style=gnu",
        ]
        .map(str::to_owned)
        .into();
        arguments.extend([
            "-dynamic-linker".to_owned(),
            self.interpreter.unwrap_or(&system.interpreter).to_owned(),
            "--allow-shlib-undefined".to_owned(),
        ]);
        arguments.extend(system.start.iter().map(Utf8PathBuf::to_string));
        arguments.extend(self.objects.iter().map(Utf8PathBuf::to_string));
        arguments.push(
            if self.always_needed {
                "--no-as-needed"
            } else {
                "--as-needed"
            }
            .to_owned(),
        );
        arguments.extend(self.shared.iter().map(|path| path.to_string()));
        arguments.push("--as-needed".to_owned());
        arguments.extend(self.extra.iter().cloned());
        let rest = linker
            .std
            .archives
            .iter()
            .chain(&system.libraries)
            .chain(&system.end);
        arguments.extend(rest.map(Utf8PathBuf::to_string));
        arguments
    }
}

/// What a driver without kt items is linked from, besides rustc's objects.
pub(super) struct Parts<'a> {
    pub(super) base: &'a LinkedFile,
    pub(super) libstd: &'a LinkedFile,
    pub(super) layers: &'a [LinkedLayer],
    pub(super) crates: &'a [LinkedCrate],
    /// Facts of rustc's objects.
    pub(super) objects: &'a [ArchiveFacts],
}

impl Parts<'_> {
    /// Layers and crates, in link order.
    fn files(&self) -> impl Iterator<Item = &LinkedFile> {
        let layers = self.layers.iter().map(|layer| &layer.file);
        layers.chain(self.crates.iter().map(|krate| &krate.file))
    }

    /// The folders in which the dynamic linker searches.
    fn folders(&self) -> Vec<&Utf8Path> {
        let files = [self.base, self.libstd].into_iter().chain(self.files());
        let mut folders: Vec<_> = files.filter_map(|file| file.path.parent()).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// Links a driver without kt items: rustc's objects of the bin, with crate objects, base and libstd
/// in place of rlibs.
pub(super) fn link(
    linker: &Linker<'_>,
    line: &LinkLine,
    parts: &Parts<'_>,
) -> Result<LinkedFile, LinkError> {
    let mut user = user_arguments(&line.arguments);
    let mut name = Name::new("executable");
    name.add(&linker.identity)
        .add_all(parts.objects.iter().map(|facts| &facts.content))
        .add_all(&user)
        .add(parts.base.path.as_str());
    name.add_all(parts.files().map(|file| &file.soname));
    let hash = name.hex();
    let path = linker
        .kt_dir
        .programs()
        .join(format!("program-{}", short(&hash)));
    let record = path.with_extension("json");
    if let Some(known) = kt_dir::read_json::<LinkedFile>(&record).filter(LinkedFile::is_whole) {
        return Ok(known);
    }
    let begun = Instant::now();
    let objects = without_allocator_shim(linker, &line.objects, parts.objects)?;
    let link = |user: &[String]| {
        let arguments = driver_arguments(linker, parts, &objects, user, &hash);
        linker.report(LinkEvent::Command(linker.lld.command(&arguments, &path)));
        let result = linker.lld.link(&arguments, &path);
        result.map(|result| (arguments, result))
    };
    let (mut arguments, mut result) = link(&user)?;
    let unknown = result.as_ref().err().map(LinkFailure::unknown_arguments);
    if let Some(unknown) = unknown.filter(|unknown| !unknown.is_empty()) {
        user.retain(|argument| !unknown.contains(argument));
        linker.report(LinkEvent::Ignored { arguments: unknown });
        (arguments, result) = link(&user)?;
    }
    if let Err(failure) = result {
        let names: Vec<_> = failure.undefined().into_iter().map(|it| it.0).collect();
        linker.check_glibc("the program", &names)?;
        return Err(linker.lld.error("the program", &arguments, &path));
    }
    let linked = LinkedFile::of(&path)?;
    kt_dir::write_json(&record, &linked)?;
    linker.report(LinkEvent::Executable {
        file: linked.clone(),
        elapsed: begun.elapsed(),
    });
    let select = |file: &str| {
        (file.starts_with("program-") && !file.contains('.') && path.file_name() != Some(file))
            .then_some(())
    };
    kt_dir::prune(&linker.kt_dir.programs(), MAX_UNUSED, select, |old| {
        let _ = std::fs::remove_file(old.with_extension("json"));
        let _ = std::fs::remove_file(old);
    });
    Ok(linked)
}

/// lld's arguments for a driver without kt items. `user` are those of the user.
fn driver_arguments(
    linker: &Linker<'_>,
    parts: &Parts<'_>,
    objects: &[Utf8PathBuf],
    user: &[String],
    hash: &str,
) -> Vec<String> {
    // DT_RPATH and not DT_RUNPATH: it also applies to the dependencies between crate objects.
    let mut extra = vec![
        "--disable-new-dtags".to_owned(),
        format!("--build-id=0x{}", build_id(hash)),
    ];
    let folders = parts.folders().into_iter();
    extra.extend(folders.map(|folder| format!("-rpath={folder}")));
    extra.push("--push-state".to_owned());
    extra.extend(linker.natives.search_arguments(&linker.system));
    extra.extend(user.iter().cloned());
    extra.push("--pop-state".to_owned());
    let mut shared = vec![parts.libstd.path.as_path()];
    shared.extend(parts.files().map(|file| file.path.as_path()));
    ExecutableLink {
        interpreter: None,
        objects,
        shared,
        always_needed: false,
        extra,
    }
    .arguments(linker)
}

/// rustc's objects without an allocator: libstd's shared object has the allocator that the base
/// also uses.
fn without_allocator_shim(
    linker: &Linker<'_>,
    objects: &[Utf8PathBuf],
    facts: &[ArchiveFacts],
) -> Result<Vec<Utf8PathBuf>, LinkError> {
    let own = objects
        .iter()
        .zip(facts)
        .filter(|(_, facts)| !facts.allocator_shim);
    own.map(|(object, facts)| prepared(linker, object, facts, &Repairs::for_facts(facts)))
        .collect()
}

/// The part of rustc's link line that came from the user (build scripts, `-C link-arg`): everything
/// that rustc does not always pass, in the linker's spelling and not the C compiler's
/// (`rustc_codegen_ssa/src/back/link.rs` has the list).
fn user_arguments(line: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = line.iter();
    while let Some(argument) = arguments.next() {
        if matches!(argument.as_str(), "-o" | "-z") {
            arguments.next();
        } else if argument == "-L" || argument == "-l" {
            kept.extend(arguments.next().map(|value| format!("{argument}{value}")));
        } else if argument == "-Xlinker" {
            kept.extend(arguments.next().cloned());
        } else if argument == "-rdynamic" {
            kept.push("--export-dynamic".to_owned());
        } else if let Some(options) = argument.strip_prefix("-Wl,") {
            if !is_of_rustc(options) {
                kept.extend(options.split(',').map(str::to_owned));
            }
        } else if argument.starts_with("-l") || argument.starts_with("-L") || is_library(argument) {
            kept.push(argument.clone());
        }
    }
    kept
}

/// Options that rustc always passes, or that would override kt's.
fn is_of_rustc(options: &str) -> bool {
    const WHOLE: [&str; 5] = [
        "--eh-frame-hdr",
        "--gc-sections",
        "-O1",
        "--strip-debug",
        "--strip-all",
    ];
    WHOLE.contains(&options)
        || [
            "-z,",
            "-plugin",
            "--version-script",
            "--dynamic-list",
            "-O",
            "-soname",
        ]
        .iter()
        .any(|start| options.starts_with(start))
}

fn is_library(argument: &str) -> bool {
    let path = Utf8Path::new(argument);
    let is_libstd = path
        .file_name()
        .is_some_and(|name| name.starts_with("libstd-"));
    !argument.starts_with('-') && matches!(path.extension(), Some("a" | "so")) && !is_libstd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_part_of_rustcs_link_line_is_kept() {
        let line = "-m64 -Wl,--as-needed -Wl,-Bstatic /t/libcore_crate-1.rlib /s/libstd-2.rlib -Wl,-Bdynamic -lssl -lgcc_s -lc -L /t/raw \
                    -Wl,--eh-frame-hdr -Wl,-z,noexecstack -L /s/lib -o /t/app -Wl,--gc-sections -pie -Wl,-z,relro,-z,now -Wl,-O1 \
                    -nodefaultlibs -Wl,-rpath,/opt/x -rdynamic /opt/liby.a -fuse-ld=lld -B/gcc-ld";
        let line: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let kept = "--as-needed -Bstatic -Bdynamic -lssl -lgcc_s -lc -L/t/raw -L/s/lib -rpath /opt/x --export-dynamic /opt/liby.a";
        assert_eq!(user_arguments(&line).join(" "), kept);
    }
}
