//! What determines a crate's types: its sources, its flags and the macros that it expands.

use camino::Utf8Path;

use super::type_probe::{STALE_ENVIRONMENT, path_of_extern, relevant_arguments};
use super::{syntax::Digest, tokens::SourcesHash};
use crate::artifacts::{Compiled, HotCrate, Invocation, NativeLibraries};

/// Variables that affect how rustc runs and not its output.
const IRRELEVANT_ENVIRONMENT: [&str; 4] = ["LD_LIBRARY_PATH", "PATH", "RUST_BACKTRACE", "TERM"];

/// For each hot crate, hashes everything that can influence a type defined in it, without its
/// dependencies.
pub fn of_crates(compiled: &Compiled, sources: &[SourcesHash]) -> Vec<String> {
    let identity = |(hot, sources): (&HotCrate, &SourcesHash)| {
        let mut digest = Digest::new("kt crate");
        digest
            .add(&hot.package)
            .add(&hot.version)
            .add(&hot.crate_name)
            .add(&sources.types);
        // cargo's hash of the package's identity, features, profile and flags. It is present even
        // if the rustc invocation is unknown.
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

/// The variable's value, distinct from an unset variable.
pub fn set(value: Option<&str>) -> String {
    value.map_or_else(|| "unset".to_owned(), |value| format!("={value}"))
}

fn add_invocation(digest: &mut Digest, invocation: &Invocation) {
    let arguments = relevant_arguments(invocation);
    for argument in &arguments {
        digest.add(argument);
    }
    digest.add("environment");
    for (name, value) in relevant_environment(invocation) {
        digest.add(name).add(value);
    }
    digest.add("macros");
    for argument in &arguments {
        let path = Utf8Path::new(path_of_extern(argument));
        // A procedural macro of the workspace can be edited while its file name stays the same.
        if path.extension() == Some("so") && !is_from_a_registry(path) {
            digest.add(&content_of_library(path));
        }
    }
}

pub fn relevant_environment(invocation: &Invocation) -> impl Iterator<Item = (&str, &str)> {
    let is_relevant = |name: &str| {
        !IRRELEVANT_ENVIRONMENT.contains(&name)
            && !STALE_ENVIRONMENT.contains(&name)
            && !name.starts_with("KT_")
    };
    let all = invocation.environment.iter();
    all.map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(move |(name, _)| is_relevant(name))
}

/// An identity that also depends on rustc's output for the crate.
pub fn with_artifact(identity: &str, rlib: &Utf8Path) -> String {
    let mut digest = Digest::new("made of");
    digest.add(identity).add(&content_of_library(rlib));
    digest.finish()
}

/// A procedural macro: its file name, which encodes version and features, or its content if that
/// can change under one name.
pub fn of_macro(library: &Utf8Path) -> String {
    let name = library.file_stem().unwrap_or_default();
    match is_from_a_registry(library) {
        true => name.to_owned(),
        false => content_of_library(library),
    }
}

/// Whether cargo built a library from sources that never change under one name. Hashing some tens
/// of megabytes of procedural macros would take longer than everything else.
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

/// The hash of a shared library's content; empty if the file does not exist, which rustc reports.
fn content_of_library(path: &Utf8Path) -> String {
    let mut hasher = blake3::Hasher::new();
    match std::fs::File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ())) {
        Ok(()) => hasher.finalize().to_hex().to_string(),
        Err(_) => String::new(),
    }
}

/// Hashes the static libraries that build scripts pass to the linker, by content.
///
/// The base's libraries do not change while one worker runs.
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
        // `static:+whole-archive=z`; without a kind, rustc uses the library that it finds.
        if !kind.is_empty() && !kind.starts_with("static") {
            continue;
        }
        let name = name.rsplit(':').next().unwrap_or(name);
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

/// Hashes what the types of a crate's states can depend on: the crate, the hot crates below it, and
/// the inputs that are the same for the whole program.
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
        .add(&format!("{:?}", toolchain.wrappers))
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
