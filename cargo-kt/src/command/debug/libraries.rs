//! The system's libraries of a pod: gdb needs them to unwind, and this machine has others.

use std::{collections::BTreeMap, ffi::OsString, fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use crate::{
    command::cp,
    debug::Sysroot,
    place::{Connected, Dirs},
};

/// Brings those that gdb would fetch, and is slow to: it reads them piece by piece. They stay here for the next time, and are
/// compared then. What cannot be brought is left to gdb.
pub(super) async fn bring(connected: &Connected, sysroot: &mut Sysroot) {
    let Some(folder) = folder(connected) else {
        return;
    };
    let mut by_name = BTreeMap::<&str, Vec<&String>>::new();
    for path in &sysroot.fetched {
        let name = path.rsplit('/').next().unwrap_or(path);
        by_name.entry(name).or_default().push(path);
    }
    // They come into one folder.
    let only = by_name.iter().filter(|(_, paths)| paths.len() == 1);
    let files: Vec<(String, PathBuf)> = only
        .map(|(name, paths)| (paths[0].clone(), folder.join(name)))
        .collect();
    let sources = files.iter().map(|(path, _)| OsString::from(path));
    if files.is_empty()
        || !matches!(
            cp::fetch(connected, sources.collect(), folder).await,
            Ok(true)
        )
    {
        return;
    }
    for (path, file) in files {
        sysroot.provide(&path, &file);
    }
}

/// Where those of one service are kept.
fn folder(connected: &Connected) -> Option<PathBuf> {
    let name = format!("{}@{}", connected.service, connected.place);
    let folder = Dirs::current().ok()?.cache.join("libraries");
    let folder = folder.join(name.replace('/', "_"));
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.ok().map(|()| folder)
}
