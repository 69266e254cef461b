//! What a crate's types are made from: its sources, its flags and the macros that expand in it.

use camino::Utf8Path;

use super::twin::{STALE_ENVIRONMENT, path_of_extern, telling_arguments};
use super::{syntax::Digest, tokens::SourcesHash};
use crate::artifacts::{Compiled, HotCrate, Invocation, NativeLibraries};

/// Variables that say how rustc is run, not what it makes.
const MUTE_ENVIRONMENT: [&str; 4] = ["LD_LIBRARY_PATH", "PATH", "RUST_BACKTRACE", "TERM"];

/// Hashes, for each hot crate, all that can influence a type that is written in it; not what it depends on.
pub fn of_crates(compiled: &Compiled, sources: &[SourcesHash]) -> Vec<String> {
    let identity = |(hot, sources): (&HotCrate, &SourcesHash)| {
        let mut digest = Digest::new("kt crate");
        digest
            .add(&hot.package)
            .add(&hot.version)
            .add(&hot.crate_name)
            .add(&sources.types);
        // Cargo's hash of the package's identity, features, profile and flags, also where the call is not known.
        digest.add(hot.rlib.file_stem().unwrap_or_default());
        if let Some(invocation) = &hot.invocation {
            add_invocation(&mut digest, invocation);
        }
        digest.add("variables");
        for (name, value) in &hot.variables {
            digest.add(name).add(&set(value.as_deref()));
        }
        digest.finish()
    };
    compiled.hot.iter().zip(sources).map(identity).collect()
}

/// A variable's value, told from a variable that is not set.
pub fn set(value: Option<&str>) -> String {
    value.map_or_else(|| "unset".to_owned(), |value| format!("={value}"))
}

fn add_invocation(digest: &mut Digest, invocation: &Invocation) {
    let arguments = telling_arguments(invocation);
    for argument in &arguments {
        digest.add(argument);
    }
    digest.add("environment");
    for (name, value) in telling_environment(invocation) {
        digest.add(name).add(value);
    }
    digest.add("macros");
    for argument in &arguments {
        let path = Utf8Path::new(path_of_extern(argument));
        // A procedural macro of the workspace can be edited without its name changing.
        if path.extension() == Some("so") && !is_from_a_registry(path) {
            digest.add(&content_of_library(path));
        }
    }
}

pub fn telling_environment(invocation: &Invocation) -> impl Iterator<Item = (&str, &str)> {
    let says_something = |name: &str| {
        !MUTE_ENVIRONMENT.contains(&name)
            && !STALE_ENVIRONMENT.contains(&name)
            && !name.starts_with("KT_")
    };
    let all = invocation.environment.iter();
    all.map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(move |(name, _)| says_something(name))
}

/// An identity that holds only as long as rustc makes the same of the crate.
pub fn with_artifact(identity: &str, rlib: &Utf8Path) -> String {
    let mut digest = Digest::new("made of");
    digest.add(identity).add(&content_of_library(rlib));
    digest.finish()
}

/// A procedural macro: its file's name, which says version and features, and its content if that can change under the name.
pub fn of_macro(library: &Utf8Path) -> String {
    let name = library.file_stem().unwrap_or_default();
    match is_from_a_registry(library) {
        true => name.to_owned(),
        false => content_of_library(library),
    }
}

/// Whether cargo made a library from sources that never change under one name. Hashing some tens of megabytes of
/// procedural macros would take longer than all else.
fn is_from_a_registry(library: &Utf8Path) -> bool {
    let Some(stem) = library.file_stem() else {
        return false;
    };
    // rustc's dep-info: `target: source source …`.
    let dep_info =
        library.with_file_name(format!("{}.d", stem.strip_prefix("lib").unwrap_or(stem)));
    let Ok(text) = std::fs::read_to_string(dep_info) else {
        return false;
    };
    let mut sources = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, sources)| sources.split_whitespace())
        .peekable();
    sources.peek().is_some()
        && sources
            .all(|source| source.contains("/registry/src/") || source.contains("/git/checkouts/"))
}

/// The hash of a shared library's content; empty where there is none, which rustc will have noticed.
fn content_of_library(path: &Utf8Path) -> String {
    let mut hasher = blake3::Hasher::new();
    match std::fs::File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ())) {
        Ok(()) => hasher.finalize().to_hex().to_string(),
        Err(_) => String::new(),
    }
}

/// Hashes what build scripts made for the linker: the static libraries that they name, by content.
///
/// Those of the base do not change under one worker.
pub fn of_native_code(native: &NativeLibraries) -> String {
    let mut digest = Digest::new("kt native code");
    let folder = |path: &str| {
        path.split_once('=')
            .map_or(path, |(_, path)| path)
            .to_owned()
    };
    for library in &native.libraries {
        let (kind, name) = library.split_once('=').unwrap_or(("", library));
        digest.add(library);
        // `static:+whole-archive=z`; without a kind rustc takes what it finds.
        if !kind.is_empty() && !kind.starts_with("static") {
            continue;
        }
        let name = name.split(':').next().unwrap_or(name);
        let candidates = native.search_paths.iter().flat_map(|path| {
            let folder = folder(path);
            [format!("{folder}/lib{name}.a"), format!("{folder}/{name}")]
        });
        for candidate in candidates {
            digest.add(&content_of_library(Utf8Path::new(&candidate)));
        }
    }
    digest.finish()
}

/// Hashes what the types of a crate's states can depend on: the crate, the hot crates below it, and all that stays the
/// same for a whole program.
pub fn with_dependencies(
    compiled: &Compiled,
    identities: &[String],
    hot: usize,
    base_id: &str,
) -> String {
    let mut digest = Digest::new("kt types of states");
    let toolchain = &compiled.toolchain;
    digest
        .add(&toolchain.version)
        .add(&toolchain.target)
        .add(&compiled.profile)
        .add(base_id);
    let below = compiled
        .hot
        .get(hot)
        .map(|hot| hot.dependencies.as_slice())
        .unwrap_or_default();
    for index in below.iter().chain([&hot]) {
        digest.add(
            identities
                .get(*index)
                .map(String::as_str)
                .unwrap_or_default(),
        );
    }
    digest.finish()
}
