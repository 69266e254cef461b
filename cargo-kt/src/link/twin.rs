//! Debug objects: crate objects with their debug information, for symbolizing and debugging. The
//! objects that are loaded and shipped have none.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, base,
    lld::Lld,
    object::{ObjectRecord, STRIP_DEBUG, record_path},
    warm,
};

/// The unstripped copy of a crate object: the same link with debug information, at identical
/// addresses. It is linked on first use.
///
/// # Errors
/// [`LinkError::NoDebugObject`] if the object, or one that it was linked against, was pruned.
pub fn debug_object(kt_dir: &Utf8Path, soname: &str) -> Result<Utf8PathBuf, LinkError> {
    let directory = warm::KtDir::new(kt_dir);
    let debug_object = directory.debug_objects().join(soname);
    if debug_object.is_file() {
        return Ok(debug_object);
    }
    let missing = || LinkError::NoDebugObject {
        soname: soname.to_owned(),
    };
    let record: ObjectRecord =
        warm::read_json(&record_path(&directory.objects().join(soname))).ok_or_else(missing)?;
    let files = record
        .arguments
        .iter()
        .filter(|argument| argument.starts_with(kt_dir.as_str()));
    if files.into_iter().any(|file| !Utf8Path::new(file).is_file()) {
        return Err(missing());
    }
    let arguments: Vec<_> = record
        .arguments
        .iter()
        .filter(|argument| *argument != STRIP_DEBUG)
        .cloned()
        .collect();
    let lld = Lld::at(record.linker);
    match lld.link(&arguments, &debug_object)? {
        Ok(()) => Ok(debug_object),
        Err(_) => Err(lld.error("a debug object", &arguments, &debug_object)),
    }
}

/// The file on this machine that a debugger reads for a file that a worker has loaded, by its name:
/// the debug object of a crate object, else the same file. `base` is the soname of the worker's
/// layer 0, which is in one directory with the launcher and libstd.
pub fn debug_file(kt_dir: &Utf8Path, base: &str, name: &str) -> Option<Utf8PathBuf> {
    // The name may come from another machine.
    if Utf8Path::new(name).file_name() != Some(name) {
        return None;
    }
    if let Ok(debug_object) = debug_object(kt_dir, name) {
        return Some(debug_object);
    }
    let beside = base::first_layer(&warm::KtDir::new(kt_dir), base).with_file_name(name);
    super::kept(kt_dir, name).or_else(|| beside.is_file().then_some(beside))
}
