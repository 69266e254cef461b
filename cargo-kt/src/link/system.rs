//! Where the system's libraries and the toolchain's standard library are.

use std::{collections::HashSet, env, ffi::OsString, path::Path, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{LinkError, elf, hash::Stamp, warm};
use crate::{
    build::Toolchain,
    glibc::{Glibc, Stubs},
};

/// What every link takes from the system. Found by asking the C compiler, once per compiler.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct System {
    target: String,
    compiler: (Utf8PathBuf, Stamp),
    /// Path of the dynamic linker as programs name it (`PT_INTERP`).
    pub interpreter: String,
    /// `libc.so.6`, `libc_nonshared.a`, `libm.so.6`, `libgcc_s.so.1` and the dynamic linker (it has `__tls_get_addr`), in order.
    pub libraries: Vec<Utf8PathBuf>,
    /// What a position-independent executable starts with, before all objects.
    pub start: Vec<Utf8PathBuf>,
    /// What it ends with.
    pub end: Vec<Utf8PathBuf>,
    /// Where the C compiler looks for libraries.
    pub directories: Vec<Utf8PathBuf>,
    /// The older glibc that is linked against in place of the system's.
    #[serde(skip)]
    pub older: Option<Older>,
}

/// A glibc in place of the system's.
#[derive(Debug, Clone)]
pub(super) struct Older {
    pub glibc: Glibc,
    /// The system's own libraries of it.
    replaced: Vec<Utf8PathBuf>,
}

/// What every link takes from the sysroot.
#[derive(Debug, Clone)]
pub(super) struct Std {
    /// `libstd-<hash>.so`.
    pub shared: Utf8PathBuf,
    /// rlibs whose members are taken where they are needed: not in `libstd.so`, and all their symbols are hidden.
    pub archives: Vec<Utf8PathBuf>,
}

impl System {
    pub fn find(toolchain: &Toolchain, cache: &Utf8Path) -> Result<Self, LinkError> {
        let command = compiler(toolchain);
        let path = find_program(&command).ok_or_else(|| LinkError::NoCompiler {
            command: command.clone(),
        })?;
        let compiler = (path.clone(), Stamp::of(&path)?);
        if let Some(known) = warm::read_json::<Self>(cache)
            && known.compiler == compiler
            && known.target == toolchain.target
            && [&known.libraries, &known.start, &known.end]
                .into_iter()
                .flatten()
                .all(|file| file.is_file())
        {
            return Ok(known);
        }
        let found = Self::ask(toolchain, compiler, &command)?;
        warm::write_json(cache, &found)?;
        Ok(found)
    }

    fn ask(
        toolchain: &Toolchain,
        compiler: (Utf8PathBuf, Stamp),
        command: &str,
    ) -> Result<Self, LinkError> {
        let interpreter = interpreter(toolchain)?;
        let loader = interpreter.rsplit('/').next().unwrap_or(interpreter);
        let ask = |question: String| -> Result<String, LinkError> {
            let answer = Command::new(&compiler.0)
                .arg(question)
                .output()
                .map_err(LinkError::io("run", &compiler.0))?;
            Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
        };
        // For a file that it does not know the compiler prints the bare name.
        let locate = |library: &str| match ask(format!("-print-file-name={library}"))? {
            path if path.contains('/') => Ok(simplify(&path)),
            _ => Err(LinkError::NoSystemLibrary {
                library: library.to_owned(),
                command: command.to_owned(),
            }),
        };
        let all = |names: &[&str]| {
            names
                .iter()
                .map(|name| locate(name))
                .collect::<Result<Vec<_>, _>>()
        };
        let search = ask("-print-search-dirs".to_owned())?;
        let directories = search
            .lines()
            .find_map(|line| line.strip_prefix("libraries: ="));
        let directories = directories
            .unwrap_or_default()
            .split(':')
            .map(simplify)
            .filter(|directory| directory.is_dir());
        Ok(Self {
            target: toolchain.target.clone(),
            interpreter: interpreter.to_owned(),
            libraries: all(&[
                "libc.so.6",
                "libc_nonshared.a",
                "libm.so.6",
                "libgcc_s.so.1",
                loader,
            ])?,
            start: all(&["Scrt1.o", "crti.o", "crtbeginS.o"])?,
            end: all(&["crtendS.o", "crtn.o"])?,
            directories: directories.fold(Vec::new(), |mut unique, directory| {
                if !unique.contains(&directory) {
                    unique.push(directory);
                }
                unique
            }),
            compiler,
            older: None,
        })
    }

    /// With everything from stubs: no file of a C compiler's is needed where thread-locals and constructors are the dynamic
    /// linker's matter.
    pub fn without_compiler(toolchain: &Toolchain, stubs: &Stubs) -> Result<Self, LinkError> {
        let libraries = stubs.libraries.iter().chain([&stubs.unwinder]);
        Ok(Self {
            target: toolchain.target.clone(),
            compiler: (Utf8PathBuf::new(), Stamp::of(&stubs.start)?),
            interpreter: interpreter(toolchain)?.to_owned(),
            libraries: libraries.cloned().collect(),
            start: vec![stubs.start.clone()],
            end: Vec::new(),
            directories: vec![stubs.directory.clone()],
            older: Some(Older {
                glibc: stubs.glibc,
                // Of this machine and not of the target: the names of functions are the same.
                replaced: own_libraries(),
            }),
        })
    }

    /// With another glibc. What comes from the C compiler and not from glibc stays.
    pub fn with(self, stubs: &Stubs) -> Self {
        let is_glibcs = |path: &Utf8Path| {
            !path
                .file_name()
                .is_some_and(|name| name.starts_with("libgcc_s"))
        };
        let (replaced, kept): (Vec<_>, Vec<_>) =
            self.libraries.into_iter().partition(|path| is_glibcs(path));
        let start = self.start.into_iter().map(|path| match path.file_name() {
            Some("Scrt1.o") => stubs.start.clone(),
            _ => path,
        });
        Self {
            libraries: stubs.libraries.iter().cloned().chain(kept).collect(),
            start: start.collect(),
            // `-lm` of a build script, too.
            directories: [stubs.directory.clone()]
                .into_iter()
                .chain(self.directories)
                .collect(),
            older: Some(Older {
                glibc: stubs.glibc,
                replaced,
            }),
            ..self
        }
    }

    /// The system's `libc_nonshared.a` has hidden symbols, zig's has not. Every object has its own copies.
    pub fn hides(&self) -> Option<String> {
        let older = self.older.is_some();
        older.then(|| "--exclude-libs=libc_nonshared.a".to_owned())
    }

    /// Those of the symbols that the system's own glibc has: what lacks them is the older one that is linked against.
    pub fn newer_than_linked(&self, undefined: &[String]) -> Result<Vec<String>, LinkError> {
        let Some(older) = self.older.as_ref().filter(|_| !undefined.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut newer = Vec::new();
        for path in &older.replaced {
            if path.extension() == Some("a") {
                continue;
            }
            let data = warm::read(path)?;
            let exports = elf::exports(&data).map_err(LinkError::object(path))?;
            let exports: HashSet<&[u8]> = exports.into_iter().collect();
            let found = undefined
                .iter()
                .filter(|name| exports.contains(name.as_bytes()));
            newer.extend(found.cloned());
        }
        newer.sort();
        newer.dedup();
        Ok(newer)
    }

    /// All files that go into links.
    pub fn files(&self) -> Vec<&Utf8Path> {
        [&self.libraries, &self.start, &self.end]
            .into_iter()
            .flatten()
            .map(Utf8PathBuf::as_path)
            .collect()
    }
}

impl Std {
    pub fn find(toolchain: &Toolchain) -> Result<Self, LinkError> {
        let directory = toolchain
            .sysroot
            .join("lib/rustlib")
            .join(&toolchain.target)
            .join("lib");
        let entries: Vec<_> = directory
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.into_path())
            .collect();
        let find = |file: &'static str, prefix: &str, extension: &str| {
            let mut matching = entries.iter().filter(|path| {
                path.extension() == Some(extension)
                    && path
                        .file_name()
                        .is_some_and(|name| name.starts_with(prefix))
            });
            let missing = || LinkError::NoStd {
                file,
                directory: directory.clone(),
                target: toolchain.target.clone(),
            };
            matching.next().cloned().ok_or_else(missing)
        };
        Ok(Self {
            shared: find("libstd-*.so", "libstd-", "so")?,
            archives: vec![
                find("libproc_macro-*.rlib", "libproc_macro-", "rlib")?,
                find(
                    "libcompiler_builtins-*.rlib",
                    "libcompiler_builtins-",
                    "rlib",
                )?,
            ],
        })
    }
}

/// Path of the dynamic linker as programs name it (`PT_INTERP`).
fn interpreter(toolchain: &Toolchain) -> Result<&'static str, LinkError> {
    match toolchain.target.as_str() {
        "x86_64-unknown-linux-gnu" => Ok("/lib64/ld-linux-x86-64.so.2"),
        "aarch64-unknown-linux-gnu" => Ok("/lib/ld-linux-aarch64.so.1"),
        other => Err(LinkError::UnsupportedTarget {
            target: other.to_owned(),
        }),
    }
}

/// The libraries of this machine's glibc, where distributions have them.
fn own_libraries() -> Vec<Utf8PathBuf> {
    let own = format!("/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = [own.as_str(), "/lib64", "/usr/lib"];
    let has = |folder: &&str| Utf8Path::new(folder).join("libc.so.6").is_file();
    let folder = folders.into_iter().find(has);
    let names = ["libc.so.6", "libm.so.6"];
    let files = folder
        .into_iter()
        .flat_map(|folder| names.map(|name| Utf8Path::new(folder).join(name)));
    files.filter(|file| file.is_file()).collect()
}

/// The C compiler that rustc would call as linker for this target.
fn compiler(toolchain: &Toolchain) -> String {
    if toolchain.target == toolchain.host {
        "cc".to_owned()
    } else {
        format!("{}-gcc", toolchain.target.replace("-unknown-", "-"))
    }
}

/// Whether this machine has a C compiler for the target, with a glibc of its own.
pub fn has_compiler(toolchain: &Toolchain) -> bool {
    find_program(&compiler(toolchain)).is_some()
}

fn find_program(name: &str) -> Option<Utf8PathBuf> {
    let path: OsString = env::var_os("PATH")?;
    let candidates = env::split_paths(&path).map(|directory| directory.join(name));
    candidates
        .filter(|file: &std::path::PathBuf| file.is_file())
        .find_map(|file| Utf8PathBuf::from_path_buf(file).ok())
}

/// `/usr/lib/gcc/x/12/../../../x/libc.so.6` as a person would write it, where that is the same file.
fn simplify(path: &str) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for component in Utf8Path::new(path).components() {
        if component == camino::Utf8Component::ParentDir {
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same(plain.as_std_path(), Path::new(path)) {
        plain
    } else {
        path.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_c_compiler_are_made_readable() {
        assert_eq!(simplify("/usr/lib/../bin/."), "/usr/bin");
        assert_eq!(simplify("/no/such/../thing"), "/no/such/../thing");
    }
}
