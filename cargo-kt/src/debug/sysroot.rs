//! A directory with the files that gdb reads, under the paths that they have on the worker's
//! machine: for the developer's objects their counterparts with debug information, for all others
//! identical files.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

use super::DebugError;

/// The location of a file that a worker has mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A local file.
    Local(PathBuf),
    /// Only on the worker's machine: gdb fetches it.
    Remote,
}

/// A sysroot for gdb.
#[derive(Debug)]
pub struct Sysroot {
    directory: PathBuf,
    /// Paths of files that gdb must fetch, on the worker's machine.
    pub fetched: Vec<String>,
}

impl Sysroot {
    /// Creates the directory for a worker's files. `find` locates each by its path on the worker's
    /// machine.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(
        directory: &Path,
        mapped: &[String],
        find: impl Fn(&str) -> Origin,
    ) -> Result<Self, DebugError> {
        let failed = |source| DebugError::Io {
            what: format!("create {}", directory.display()),
            source,
        };
        // The dynamic linker has paths through these links, /proc has resolved paths.
        for name in ["lib", "lib64"] {
            let usr = Path::new("usr").join(name);
            fs::create_dir_all(directory.join(&usr)).map_err(failed)?;
            symlink(&usr, directory.join(name)).map_err(failed)?;
        }
        let mut fetched = Vec::new();
        for path in mapped {
            let target = inside(directory, path);
            match find(path) {
                Origin::Local(file) => link(&file, &target).map_err(failed)?,
                Origin::Remote => {
                    fs::create_dir_all(target.parent().unwrap_or(directory)).map_err(failed)?;
                    fetched.push(path.clone());
                }
            }
            // Program headers name the dynamic linker by another path than the resolved one.
            let name = path.rsplit('/').next().unwrap_or(path);
            if name.starts_with("ld-linux") {
                for folder in ["usr/lib64", "usr/lib"] {
                    let alias = directory.join(folder).join(name);
                    if alias != target && fs::symlink_metadata(&alias).is_err() {
                        symlink(&target, &alias).map_err(failed)?;
                    }
                }
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            fetched,
        })
    }

    /// Provides a local copy of a file, which gdb then does not fetch.
    pub fn provide(&mut self, path: &str, file: &Path) {
        // If it cannot be linked, gdb fetches it.
        if link(file, &self.path(path)).is_ok() {
            self.fetched.retain(|fetched| fetched != path);
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a worker's file in this directory.
    pub fn path(&self, path: &str) -> PathBuf {
        inside(&self.directory, path)
    }
}

fn link(file: &Path, target: &Path) -> io::Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    match symlink(file, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// Joins a path below `directory`, even if it has `..`: it comes from another machine.
fn inside(directory: &Path, path: &str) -> PathBuf {
    let parts = Path::new(path).components();
    let parts = parts.filter(|part| matches!(part, Component::Normal(_)));
    directory.join(parts.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_paths_of_the_dynamic_linker_and_of_proc() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("content");
        fs::write(&file, "content").unwrap();
        let mapped = [
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "/data/loaded/1/libkt-app.so",
        ]
        .map(str::to_owned);
        let sysroot = root.path().join("sysroot");
        let sysroot = Sysroot::create(&sysroot, &mapped, |_| Origin::Local(file.clone())).unwrap();
        for path in [
            "lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "lib64/ld-linux-x86-64.so.2",
            "data/loaded/1/libkt-app.so",
        ] {
            let text = fs::read_to_string(sysroot.directory().join(path));
            assert_eq!(text.unwrap(), "content", "{path}");
        }
    }

    #[test]
    fn a_remote_path_stays_below_the_directory() {
        assert_eq!(
            inside(Path::new("/s"), "/../../etc/./passwd"),
            Path::new("/s/etc/passwd")
        );
    }
}
