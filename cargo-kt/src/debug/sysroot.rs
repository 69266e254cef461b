//! A directory that has, under the paths that a worker's files have where it runs, what gdb reads of them: for each object of the
//! developer's its counterpart with debug information, and for everything else a file of the same content.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

use super::DebugError;

/// Where something is that a worker has mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file here.
    Here(PathBuf),
    /// Only there: gdb fetches it.
    There,
}

/// The directory, removed at its end.
#[derive(Debug)]
pub struct Sysroot {
    directory: PathBuf,
    /// Paths of files that are to be fetched, as the worker has them.
    pub fetched: Vec<String>,
}

impl Sysroot {
    /// Makes it for a worker's files. `find` says where each is, by its path there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn make(
        directory: &Path,
        mapped: &[String],
        find: impl Fn(&str) -> Origin,
    ) -> Result<Self, DebugError> {
        let made = |source| DebugError::Io {
            what: format!("make {}", directory.display()),
            source,
        };
        // The dynamic linker knows files by paths that lead through these links, /proc by those that they lead to.
        for name in ["lib", "lib64"] {
            let target = Path::new("usr").join(name);
            fs::create_dir_all(directory.join(&target)).map_err(made)?;
            symlink(&target, directory.join(name)).map_err(made)?;
        }
        let mut fetched = Vec::new();
        for path in mapped {
            let there = inside(directory, path);
            match find(path) {
                Origin::Here(file) => link(&file, &there).map_err(made)?,
                Origin::There => {
                    fs::create_dir_all(there.parent().unwrap_or(directory)).map_err(made)?;
                    fetched.push(path.clone());
                }
            }
            // Its place in a program's header is another than the one that the link leads to.
            let name = path.rsplit('/').next().unwrap_or(path);
            if name.starts_with("ld-linux") {
                for folder in ["usr/lib64", "usr/lib"] {
                    let alias = directory.join(folder).join(name);
                    if alias != there && fs::symlink_metadata(&alias).is_err() {
                        symlink(&there, &alias).map_err(made)?;
                    }
                }
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            fetched,
        })
    }

    /// Has a file here that was to be fetched.
    pub fn provide(&mut self, path: &str, file: &Path) {
        // Where it cannot be linked, it is fetched.
        if link(file, &self.path(path)).is_ok() {
            self.fetched.retain(|fetched| fetched != path);
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a file of the worker's is in here.
    pub fn path(&self, path: &str) -> PathBuf {
        inside(&self.directory, path)
    }
}

fn link(file: &Path, there: &Path) -> io::Result<()> {
    if let Some(folder) = there.parent() {
        fs::create_dir_all(folder)?;
    }
    match symlink(file, there) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// Below `directory` whatever the path is: it comes from elsewhere.
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
        let sysroot = Sysroot::make(&sysroot, &mapped, |_| Origin::Here(file.clone())).unwrap();
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
    fn a_path_from_elsewhere_leads_nowhere_else() {
        assert_eq!(
            inside(Path::new("/s"), "/../../etc/./passwd"),
            Path::new("/s/etc/passwd")
        );
    }
}
