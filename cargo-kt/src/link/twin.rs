//! Objects with their debug information, for symbolising and debugging; what is loaded and shipped has none.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, base,
    lld::Lld,
    object::{ObjectRecord, STRIP_DEBUG, record_path},
    warm,
};

/// The unstripped twin of a crate object: the same link with its debug information, at identical addresses. Made when first asked for.
///
/// # Errors
/// [`LinkError::NoTwin`] when the object, or one that it was linked against, has been pruned.
pub fn twin(warm: &Utf8Path, soname: &str) -> Result<Utf8PathBuf, LinkError> {
    let folders = warm::Warm::new(warm);
    let twin = folders.twins().join(soname);
    if twin.is_file() {
        return Ok(twin);
    }
    let missing = || LinkError::NoTwin {
        soname: soname.to_owned(),
    };
    let record: ObjectRecord =
        warm::read_json(&record_path(&folders.objects().join(soname))).ok_or_else(missing)?;
    let files = record
        .arguments
        .iter()
        .filter(|argument| argument.starts_with(warm.as_str()));
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
    match lld.link(&arguments, &twin)? {
        Ok(()) => Ok(twin),
        Err(_) => Err(lld.error("an unstripped twin", &arguments, &twin)),
    }
}

/// The file of ours that holds what a debugger wants to know of one that a worker has loaded, by its name: the twin of a crate
/// object, else the very file. `base` is the soname of the worker's layer 0, beside which the launcher and libstd lie.
pub fn counterpart(warm: &Utf8Path, base: &str, name: &str) -> Option<Utf8PathBuf> {
    // The name may come from another machine.
    if Utf8Path::new(name).file_name() != Some(name) {
        return None;
    }
    if let Ok(twin) = twin(warm, name) {
        return Some(twin);
    }
    let beside = base::first_layer(&warm::Warm::new(warm), base).with_file_name(name);
    super::kept(warm, name).or_else(|| beside.is_file().then_some(beside))
}
