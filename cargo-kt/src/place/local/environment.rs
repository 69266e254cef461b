//! The environment that a host was started with. It is read from the kernel and never stored.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

use kt::host::HostOptions;

/// The environment and working directory that the host with this process id passes to its workers;
/// `None` if it has exited.
pub fn environment_of(host: u32) -> Option<(BTreeMap<OsString, OsString>, Option<PathBuf>)> {
    let read = |file: &str| std::fs::read(format!("/proc/{host}/{file}")).ok();
    let environment = read("environ")?;
    let variables = parts(&environment).filter_map(|part| {
        let at = part.iter().position(|byte| *byte == b'=')?;
        let text = |bytes| OsStr::from_bytes(bytes).to_owned();
        Some((text(&part[..at]), text(&part[at + 1..])))
    });
    let command = read("cmdline")?;
    // Skip the program and its `host` argument.
    let arguments = parts(&command)
        .skip(2)
        .map(|part| OsStr::from_bytes(part).to_owned());
    let directory = HostOptions::parse(arguments)
        .ok()
        .map(|it| it.working_directory);
    Some((variables.collect(), directory))
}

fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
}
