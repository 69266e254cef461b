//! Rebuilds crates that have a breakpoint but were compiled with line tables only.

use kt::wire::manifest::CrateObject;

use crate::{
    command::CommandError,
    compile,
    debug::{DebugError, Place, lacks_variables},
    link,
    place::Connected,
    session::last_build::{LastBuild, kt_dir},
    terminal::Terminal,
};

/// Rebuilds the program if a breakpoint is in a crate whose debug information has no variables.
/// Returns whether it did.
///
/// # Errors
/// If the program cannot be built.
pub(super) fn build_with_variables(
    breakpoints: &[String],
    connected: &Connected,
    terminal: &Terminal,
) -> Result<bool, CommandError> {
    let Some((_, manifest)) = connected.status.current.as_ref() else {
        return Ok(false);
    };
    let kt_dir = kt_dir(connected);
    let places = breakpoints.iter().map(|place| Place::parse(place));
    let places: Vec<_> = places.collect();
    let lacks = |krate: &&CrateObject| {
        let object = link::debug_object(&kt_dir, &krate.object.name);
        object.is_ok_and(|object| lacks_variables(object.as_std_path(), &places))
    };
    let is_member = |krate: &&CrateObject| {
        link::snapshot(&kt_dir, &krate.object.name).is_some_and(|sources| sources.is_member)
    };
    let lacking = manifest.crates.iter().filter(lacks);
    let (lacking, others): (Vec<_>, Vec<_>) = lacking.partition(is_member);
    for krate in others {
        terminal.warning(format_args!(
            "the debug information of {} has no variables, and the crate is outside the workspace\n\
             help: set `debug = true` in `[profile.{}.package.{}]` of Cargo.toml and run the program again",
            krate.crate_name, manifest.profile, krate.package
        ));
    }
    if lacking.is_empty() {
        return Ok(false);
    }
    let names: Vec<_> = lacking.iter().map(|krate| &*krate.crate_name).collect();
    let names = names.join(", ");
    let Some(build) = LastBuild::of(connected) else {
        terminal.warning(format_args!(
            "the debug information of {names} has no variables\n\
             help: rebuild with `KT_DEBUG_INFO=full cargo kt run`"
        ));
        return Ok(false);
    };
    terminal.status(
        "Building",
        format_args!("{names} with full debug information"),
    );
    let io = |what: &str| {
        let what = what.to_owned();
        |source| CommandError::Io { what, source }
    };
    let packages = lacking.iter().map(|krate| krate.package.clone());
    compile::debug_fully(&kt_dir, packages).map_err(io("record the crates to debug"))?;
    let status = build.again().map_err(io("build the program"))?;
    match status.success() {
        true => Ok(true),
        false => Err(DebugError::Build {
            service: connected.service.clone(),
        }
        .into()),
    }
}
