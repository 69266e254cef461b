//! Breakpoints of the debugger's own are in crates that were compiled with lines alone: those are built again.

use kt::wire::manifest::CrateObject;

use crate::session::last_build::{LastBuild, kt_directory};
use crate::{
    command::CommandError,
    compile,
    debug::{DebugError, Place, lacks_variables},
    link,
    place::Connected,
    terminal::Terminal,
};

/// Builds the program again if a breakpoint is in a crate whose debug information has no variables. Whether it was built.
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
    let warm = kt_directory(connected);
    let places = breakpoints.iter().map(|place| Place::parse(place));
    let places: Vec<_> = places.collect();
    let lacks = |krate: &&CrateObject| {
        let twin = link::twin(&warm, &krate.object.name);
        twin.is_ok_and(|twin| lacks_variables(twin.as_std_path(), &places))
    };
    let is_member = |krate: &&CrateObject| {
        link::snapshot(&warm, &krate.object.name).is_some_and(|sources| sources.is_member)
    };
    let lacking = manifest.crates.iter().filter(lacks);
    let (lacking, others): (Vec<_>, Vec<_>) = lacking.partition(is_member);
    for krate in others {
        terminal.warning(format_args!(
            "the debug information of {} has no variables, and it lies outside of the workspace\n\
             help: `[profile.{}.package.{}]` with `debug = true` in Cargo.toml, and run the program again",
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
             help: `KT_DEBUG_INFO=full cargo kt run` builds the program with all of it"
        ));
        return Ok(false);
    };
    terminal.status(
        "Building",
        format_args!("{names} with debug information of variables"),
    );
    let io = |what: &str| {
        let what = what.to_owned();
        |source| CommandError::Io { what, source }
    };
    let packages = lacking.iter().map(|krate| krate.package.clone());
    compile::debug_fully(&warm, packages).map_err(io("say which crates are debugged"))?;
    let status = build.again().map_err(io("build the program"))?;
    match status.success() {
        true => Ok(true),
        false => Err(DebugError::Build {
            service: connected.service.clone(),
        }
        .into()),
    }
}
