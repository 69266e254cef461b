//! Copies of directories.

use std::{collections::BTreeSet, fs, io, path::Path};

/// Makes `to` equal to `from`, except for `target`. Leaves unchanged files alone, so that cargo
/// considers them fresh.
pub(crate) fn refresh(
    from: &Path,
    to: &Path,
    rewrite: &dyn Fn(&Path, String) -> String,
) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut wanted = BTreeSet::from(["target".into()]);
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        wanted.insert(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                refresh(&source, &target, rewrite)?;
            }
            continue;
        }
        let text = rewrite(&source, fs::read_to_string(&source)?);
        if fs::read_to_string(&target).ok().as_ref() != Some(&text) {
            fs::write(&target, text)?;
        }
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if wanted.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
