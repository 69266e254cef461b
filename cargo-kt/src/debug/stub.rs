//! gdbserver for a pod: the local one with its dynamic linker and libraries, so that it runs in any
//! image.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use camino::Utf8PathBuf;
use kt::wire::{ObjectId, debug::Stub, manifest::Object};

use super::{DebugError, tools};
use crate::ship::Files;

/// gdbserver as objects for a host's store.
pub struct Shipped {
    pub stub: Stub,
    pub objects: Vec<Object>,
    pub files: Files,
}

impl Shipped {
    /// Finds the files of the local gdbserver.
    ///
    /// # Errors
    /// If it is not installed, or one of its libraries cannot be found.
    pub fn find() -> Result<Self, DebugError> {
        tools::check_gdbserver()?;
        let gdbserver = in_path("gdbserver").ok_or(DebugError::NoGdbserver)?;
        let listed = Command::new("ldd")
            .arg(&gdbserver)
            .stdin(Stdio::null())
            .output()
            .map_err(DebugError::io("start `ldd`"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let Libraries { loader, others } =
            libraries(&listed).ok_or_else(|| DebugError::Library {
                path: gdbserver.clone(),
                why: "`ldd` printed no dynamic linker".to_owned(),
            })?;
        let mut shipped = Self {
            stub: Stub::Installed,
            objects: Vec::new(),
            files: Files::new(),
        };
        let loader = shipped.add("ld.so", &loader)?;
        let gdbserver = shipped.add("gdbserver", &gdbserver)?;
        let mut libraries = Vec::new();
        for (name, path) in others {
            let id = shipped.add(&name, &path)?;
            libraries.push((name, id));
        }
        shipped.stub = Stub::Stored {
            loader,
            gdbserver,
            libraries,
        };
        Ok(shipped)
    }

    fn add(&mut self, name: &str, path: &Path) -> Result<ObjectId, DebugError> {
        let content = fs::read(path).map_err(|source| DebugError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file = Utf8PathBuf::from_path_buf(path.to_owned());
        let file = file.map_err(|path| DebugError::Library {
            path,
            why: "its path is not UTF-8".to_owned(),
        })?;
        let id = blake3::hash(&content).to_hex();
        let id: ObjectId = id.parse().map_err(|_| DebugError::Library {
            path: path.to_owned(),
            why: "invalid hash".to_owned(),
        })?;
        self.objects.push(Object {
            id,
            name: name.to_owned(),
            size: content.len() as u64,
            build_id: String::new(),
        });
        self.files.insert(id, file);
        Ok(id)
    }
}

struct Libraries {
    loader: PathBuf,
    others: Vec<(String, PathBuf)>,
}

/// Parses lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` and
/// `/lib64/ld-linux-x86-64.so.2 (0x…)`: ldd(1).
fn libraries(listed: &str) -> Option<Libraries> {
    let (mut loader, mut others) = (None, Vec::new());
    for line in listed.lines().map(str::trim) {
        match line.split_once(" => ") {
            Some((name, path)) => {
                let path = path.split(" (").next()?;
                others.push((name.to_owned(), PathBuf::from(path)));
            }
            None if line.starts_with('/') => loader = line.split(" (").next().map(PathBuf::from),
            // The vDSO, which is part of the kernel.
            None => {}
        }
    }
    Some(Libraries {
        loader: loader?,
        others,
    })
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_parsed_from_the_output_of_ldd() {
        let listed = "\
\tlinux-vdso.so.1 (0x00007ffd)
\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007f01)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f02)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f03)
";
        let found = libraries(listed).unwrap();
        assert_eq!(found.loader, Path::new("/lib64/ld-linux-x86-64.so.2"));
        let names: Vec<_> = found.others.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["libstdc++.so.6", "libc.so.6"]);
        assert!(libraries("\tnot a dynamic executable").is_none());
    }
}
