//! The environment that a host was started with. It is read from the kernel and never stored.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

use kt::host::HostOptions;

use crate::linux;

/// The environment and working directory that the host with this process id passes to its workers;
/// `None` if it has exited.
pub fn environment_of(host: u32) -> Option<(BTreeMap<OsString, OsString>, Option<PathBuf>)> {
    let variables = linux::environment(host)?
        .into_iter()
        .filter_map(|variable| {
            let bytes = variable.as_bytes();
            let at = bytes.iter().position(|byte| *byte == b'=')?;
            let text = |bytes| OsStr::from_bytes(bytes).to_owned();
            Some((text(&bytes[..at]), text(&bytes[at + 1..])))
        });
    // Skip the program and its `host` argument.
    let arguments = linux::arguments(host)?.into_iter().skip(2);
    let directory = HostOptions::parse(arguments)
        .ok()
        .map(|it| it.working_directory);
    Some((variables.collect(), directory))
}
