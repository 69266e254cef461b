//! Copies of directories.

use std::{
    fs::{self, FileTimes},
    io,
    path::Path,
};

/// Copies a directory with its files' times, which cargo goes by. Entries that `wanted` refuses (by name) stay out.
pub(crate) fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&source, &target, wanted)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
            let modified = entry.metadata()?.modified()?;
            fs::File::options()
                .write(true)
                .open(&target)?
                .set_times(FileTimes::new().set_modified(modified))?;
        }
    }
    Ok(())
}

/// Makes `to` hold what `from` does. A file that is right already is not touched, so that cargo finds it fresh.
pub(crate) fn refresh(
    from: &Path,
    to: &Path,
    rewrite: &dyn Fn(&Path, String) -> String,
) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
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
    Ok(())
}
