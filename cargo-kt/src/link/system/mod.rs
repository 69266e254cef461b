//! Locates the system's libraries and the toolchain's standard library.

mod glibc_override;
mod shared_std;

use std::{env, ffi::OsString, path::Path, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub(super) use glibc_override::GlibcOverride;

use super::{
    LinkError,
    hash::Stamp,
    kt_dir::{self, KtDir},
};
use crate::context::{InstallTarget, Toolchain};

/// The system files of every link, located with the C compiler, once per compiler.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct System {
    pub(super) target: String,
    pub(super) compiler: (Utf8PathBuf, Stamp),
    /// Path of the dynamic linker as programs name it (`PT_INTERP`).
    pub interpreter: String,
    /// `libc.so.6`, `libc_nonshared.a`, `libm.so.6`, `libgcc_s.so.1` and the dynamic linker (it has
    /// `__tls_get_addr`), in order.
    pub libraries: Vec<Utf8PathBuf>,
    /// The start files of a position-independent executable, before all objects.
    pub start: Vec<Utf8PathBuf>,
    /// The end files.
    pub end: Vec<Utf8PathBuf>,
    /// The library search path of the C compiler.
    pub directories: Vec<Utf8PathBuf>,
    /// The glibc to link against in place of the system's.
    #[serde(skip)]
    pub glibc_override: Option<GlibcOverride>,
}

/// The sysroot files of every link.
#[derive(Debug, Clone)]
pub(super) struct Std {
    /// `libstd-<hash>.so`, the toolchain's or one that kt made.
    pub shared: Utf8PathBuf,
    /// rlibs whose members are linked into each object that needs them: `libstd.so` does not have
    /// them, and all their symbols are hidden.
    pub archives: Vec<Utf8PathBuf>,
}

impl System {
    pub fn find(toolchain: &Toolchain, cache: &Utf8Path) -> Result<Self, LinkError> {
        let commands = compilers(toolchain);
        let command = commands[0].clone();
        let path = commands.iter().find_map(|command| find_program(command));
        let path = path.ok_or_else(|| LinkError::NoCompiler {
            command: command.clone(),
        })?;
        let compiler = (path.clone(), Stamp::of(&path)?);
        if let Some(known) = kt_dir::read_json::<Self>(cache)
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
        kt_dir::write_json(cache, &found)?;
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
        // The compiler prints the bare name of a file that it does not find.
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
            glibc_override: None,
        })
    }

    /// All files that are linked.
    pub fn files(&self) -> Vec<&Utf8Path> {
        [&self.libraries, &self.start, &self.end]
            .into_iter()
            .flatten()
            .map(Utf8PathBuf::as_path)
            .collect()
    }
}

impl Std {
    /// Finds the toolchain's files. Builds the shared object if it has none.
    pub fn find(toolchain: &Toolchain, system: &System, kt_dir: &KtDir) -> Result<Self, LinkError> {
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
                install: InstallTarget::of(&toolchain.sysroot, &toolchain.target),
            };
            matching.next().cloned().ok_or_else(missing)
        };
        let shared = match find("libstd-*.so", "libstd-", "so") {
            Ok(shared) => shared,
            Err(_) => {
                let rlib = find("libstd-*.rlib", "libstd-", "rlib")?;
                shared_std::build(toolchain, &rlib, system, kt_dir)?
            }
        };
        Ok(Self {
            shared,
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

    /// All files that are linked.
    pub fn files(&self) -> Vec<&Utf8Path> {
        let archives = self.archives.iter().map(Utf8PathBuf::as_path);
        [self.shared.as_path()]
            .into_iter()
            .chain(archives)
            .collect()
    }
}

/// Path of the dynamic linker as programs name it (`PT_INTERP`).
pub(super) fn interpreter(toolchain: &Toolchain) -> Result<&'static str, LinkError> {
    match toolchain.target.as_str() {
        "x86_64-unknown-linux-gnu" => Ok("/lib64/ld-linux-x86-64.so.2"),
        "aarch64-unknown-linux-gnu" => Ok("/lib/ld-linux-aarch64.so.1"),
        other => Err(LinkError::UnsupportedTarget {
            target: other.to_owned(),
        }),
    }
}

/// The C compilers for this target, the preferred one first: the configured one, or that which rustc
/// would use as linker.
fn compilers(toolchain: &Toolchain) -> Vec<String> {
    match &toolchain.compiler {
        Some(configured) => vec![configured.to_string()],
        None if toolchain.target == toolchain.host => {
            ["cc", "gcc", "clang"].map(str::to_owned).into()
        }
        None => vec![format!(
            "{}-gcc",
            toolchain.target.replace("-unknown-", "-")
        )],
    }
}

/// Whether this machine has a C compiler for the target, which comes with a glibc.
pub fn has_compiler(toolchain: &Toolchain) -> bool {
    compiler(toolchain).is_ok()
}

/// The path of this machine's C compiler for the target.
///
/// # Errors
/// If there is none: the preferred command.
pub fn compiler(toolchain: &Toolchain) -> Result<Utf8PathBuf, String> {
    let mut commands = compilers(toolchain);
    let found = commands.iter().find_map(|command| find_program(command));
    found.ok_or_else(|| commands.swap_remove(0))
}

fn find_program(name: &str) -> Option<Utf8PathBuf> {
    let path: OsString = env::var_os("PATH")?;
    let candidates = env::split_paths(&path).map(|directory| directory.join(name));
    candidates
        .filter(|file: &std::path::PathBuf| file.is_file())
        .find_map(|file| Utf8PathBuf::from_path_buf(file).ok())
}

/// Removes `..`: `/usr/lib/gcc/x/12/../../../x/libc.so.6` → `/usr/lib/x/libc.so.6`, if that is the
/// same file.
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
    fn paths_of_the_c_compiler_are_simplified() {
        assert_eq!(simplify("/usr/lib/../bin/."), "/usr/bin");
        assert_eq!(simplify("/no/such/../thing"), "/no/such/../thing");
    }
}
