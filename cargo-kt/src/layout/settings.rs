//! The compiler settings of a hot crate that can change the meaning of its source.

use camino::Utf8Path;

use super::definitions::Crate;
use crate::artifacts::HotCrate;
use crate::layout::identity;
use crate::layout::syntax::Digest;
use crate::layout::twin::{path_of_extern, relevant_arguments};

/// Options that locate and distinguish other crates. cargo changes them with each added dependency.
const DEPENDENCY_OPTIONS: [&str; 3] = ["--extern", "--check-cfg", "-L"];

/// The crate, with the relevant part of its rustc invocation.
pub fn of(hot: &HotCrate) -> Crate {
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut externs = Vec::new();
    let mut is_of_2015 = true;
    if let Some(invocation) = &hot.invocation {
        let mut flags = Digest::new("flags");
        let mut arguments = relevant_arguments(invocation).into_iter();
        while let Some(argument) = arguments.next() {
            is_of_2015 &= !argument.starts_with("--edition=20") || argument == "--edition=2015";
            if DEPENDENCY_OPTIONS.contains(&argument.as_str()) {
                let value = arguments.next().unwrap_or_default();
                let (name, path) = (
                    name_of_extern(&value),
                    Utf8Path::new(path_of_extern(&value)),
                );
                if argument == "--extern" {
                    externs.push(name.to_owned());
                }
                if argument == "--extern" && path.extension() == Some("so") {
                    settings.push((
                        format!("the procedural macro `{name}`"),
                        identity::of_macro(path),
                    ));
                }
            } else if !is_of_cargo(&argument) {
                flags.add(&argument);
            }
        }
        settings.push(("the flags".to_owned(), flags.finish()));
        for (name, value) in identity::relevant_environment(invocation) {
            settings.push((format!("the variable `{name}`"), identity::set(Some(value))));
        }
    }
    for (name, value) in &hot.variables {
        settings.push((
            format!("the variable `{name}` (read by `env!`)"),
            identity::set(value.as_deref()),
        ));
    }
    // Values may be long, or secret.
    for (what, value) in &mut settings {
        *value = Digest::new(what).add(value).finish()[..32].to_owned();
    }
    Crate {
        package: hot.package.clone(),
        name: hot.crate_name.clone(),
        settings,
        externs,
        is_of_2015,
    }
}

fn is_of_cargo(argument: &str) -> bool {
    [
        "-Cmetadata=",
        "-Cextra-filename=",
        "--extern=",
        "--check-cfg=",
        "-L",
    ]
    .iter()
    .any(|it| argument.starts_with(it))
}

/// The third-party crates that a hot crate names, each with its file name: another version has
/// another.
pub fn dependencies(hot: &HotCrate, is_hot: impl Fn(&Utf8Path) -> bool) -> Crate {
    let mut settings = Vec::new();
    let arguments = hot.invocation.iter().flat_map(relevant_arguments);
    let mut is_extern = false;
    for argument in arguments {
        if is_extern {
            let path = Utf8Path::new(path_of_extern(&argument));
            if path.extension() != Some("so") && !is_hot(path) {
                let stem = path.file_stem().unwrap_or_default().to_owned();
                settings.push((format!("the crate `{}`", name_of_extern(&argument)), stem));
            }
        }
        is_extern = argument == "--extern";
    }
    Crate {
        package: hot.package.clone(),
        name: hot.crate_name.clone(),
        settings,
        externs: Vec::new(),
        is_of_2015: false,
    }
}

/// The value of `-C metadata`: part of every `TypeId` of the crate.
pub fn metadata(hot: &HotCrate) -> String {
    let arguments = hot.invocation.iter().flat_map(relevant_arguments);
    arguments
        .filter(|it| it.starts_with("-Cmetadata="))
        .chain(hot.types.clone())
        .collect()
}

fn name_of_extern(value: &str) -> &str {
    let name = value.split_once('=').map_or(value, |(name, _)| name);
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}
