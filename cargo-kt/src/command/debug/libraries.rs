//! Fetches the system libraries of a pod: gdb needs them to unwind, and the local ones differ.

use std::{collections::BTreeMap, ffi::OsString, fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use crate::{
    command::cp,
    debug::Sysroot,
    place::{Connected, Dirs},
};

/// Copies the libraries that gdb would otherwise read slowly, piece by piece. They are cached for
/// the next session and compared then. gdb fetches those that cannot be copied.
pub(super) async fn fetch(connected: &Connected, sysroot: &mut Sysroot) {
    let Some(folder) = folder(connected) else {
        return;
    };
    let mut by_name = BTreeMap::<&str, Vec<&String>>::new();
    for path in &sysroot.fetched {
        let name = path.rsplit('/').next().unwrap_or(path);
        by_name.entry(name).or_default().push(path);
    }
    // All are copied into one directory.
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

/// The cache directory of one service's libraries.
fn folder(connected: &Connected) -> Option<PathBuf> {
    let name = format!("{}@{}", connected.service, connected.place);
    let folder = Dirs::current().ok()?.cache.join("libraries");
    let folder = folder.join(name.replace('/', "_"));
    let created = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    created.ok().map(|()| folder)
}
