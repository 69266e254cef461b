//! C libraries outside the rlibs: requested by build scripts or by `#[link]` attributes.

use std::{fs, process::Command};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, Linker, kt_dir,
    symbols::{self, Symbols},
    system::System,
};
use crate::artifacts::NativeLibraries;

/// Libraries that every link has; glibc 2.34 and newer have most of them in libc itself.
const ALWAYS_LINKED: [&str; 8] = ["c", "m", "dl", "rt", "pthread", "util", "gcc_s", "gcc"];

/// The native libraries of a program.
#[derive(Debug, Clone, Default)]
pub(super) struct Natives {
    /// Directories named by build scripts, in order.
    pub search: Vec<Utf8PathBuf>,
    /// Shared libraries, as the linker's `-l` names them: with `:`, the name is that of a file.
    pub shared: Vec<String>,
    /// Static libraries that rustc did not bundle into the rlib (`static:-bundle`).
    pub archives: Vec<String>,
}

impl Natives {
    /// Parses the libraries that cargo reports for build scripts (`[kind[:modifiers]=]name`, the
    /// Cargo book, `rustc-link-lib`).
    pub fn new(reported: &NativeLibraries) -> Self {
        let mut natives = Self::default();
        for path in &reported.search_paths {
            let (kind, path) = path.split_once('=').unwrap_or(("all", path));
            if matches!(kind, "native" | "all") && !natives.search.iter().any(|known| known == path)
            {
                natives.search.push(path.into());
            }
        }
        for library in &reported.libraries {
            let (kind, name) = library.split_once('=').unwrap_or(("dylib", library));
            let (kind, modifiers) = kind.split_once(':').unwrap_or((kind, ""));
            // `NAME:OTHER` links another library than `#[link]` names.
            let name = name.rsplit(':').next().unwrap_or(name);
            let is = |wanted: &str| modifiers.split(',').any(|modifier| modifier == wanted);
            let list = match kind {
                "dylib" => &mut natives.shared,
                "static" if is("-bundle") => &mut natives.archives,
                // Bundled into the rlib.
                _ => continue,
            };
            let name = match is("+verbatim") {
                true => format!(":{name}"),
                false => name.to_owned(),
            };
            if !ALWAYS_LINKED.contains(&&*name) && !list.contains(&name) {
                list.push(name);
            }
        }
        natives
    }

    /// `-L` for all directories that a C compiler would also search.
    pub fn search_arguments(&self, system: &System) -> Vec<String> {
        self.search
            .iter()
            .chain(&system.directories)
            .map(|directory| format!("-L{directory}"))
            .collect()
    }

    /// The static libraries with `--whole-archive`: a crate object may need any part of them.
    pub fn archive_arguments(&self) -> Vec<String> {
        if self.archives.is_empty() {
            return Vec::new();
        }
        let names = self.archives.iter().map(|name| format!("-l{name}"));
        let before = ["--push-state", "-Bstatic", "--whole-archive"].map(str::to_owned);
        before
            .into_iter()
            .chain(names)
            .chain(["--pop-state".to_owned()])
            .collect()
    }

    /// `-l` for these shared libraries, and `-rpath` if the dynamic linker does not search their
    /// directory.
    pub fn shared_arguments(&self, names: &[String], system: &System) -> Vec<String> {
        let mut arguments: Vec<_> = names.iter().map(|name| format!("-l{name}")).collect();
        for name in names {
            let file = self.locate(name, system);
            let own = file
                .as_deref()
                .and_then(Utf8Path::parent)
                .filter(|folder| self.search.iter().any(|s| s == folder));
            if let Some(folder) =
                own.filter(|folder| !system.directories.iter().any(|known| known == folder))
            {
                arguments.push(format!("-rpath={folder}"));
            }
        }
        arguments
    }

    /// The file behind `-lname`, if it is a shared library.
    pub fn locate(&self, name: &str, system: &System) -> Option<Utf8PathBuf> {
        locate(name, self.search.iter().chain(&system.directories))
    }

    /// The files of all shared libraries that are found.
    pub fn files(&self, system: &System) -> Vec<Utf8PathBuf> {
        let located = self.shared.iter().map(|name| self.locate(name, system));
        located.flatten().collect()
    }

    /// Those in directories that build scripts named.
    pub fn own_files(&self) -> Vec<Utf8PathBuf> {
        let located = self.shared.iter().map(|name| locate(name, &self.search));
        located.flatten().collect()
    }

    /// The symbols of each shared library. One that cannot be read (a linker script) has none: it
    /// counts as needed by all crates.
    pub fn symbols(&self, linker: &Linker<'_>) -> Vec<(String, Option<Symbols>)> {
        let exports = |name: &String| {
            let data = fs::read(self.locate(name, &linker.system)?).ok()?;
            symbols::of_shared(&data).ok()
        };
        self.shared
            .iter()
            .map(|name| (name.clone(), exports(name)))
            .collect()
    }
}

fn locate<'a>(
    name: &str,
    directories: impl IntoIterator<Item = &'a Utf8PathBuf>,
) -> Option<Utf8PathBuf> {
    let file = match name.strip_prefix(':') {
        Some(file) => file.to_owned(),
        None => format!("lib{name}.so"),
    };
    directories
        .into_iter()
        .map(|directory| directory.join(&file))
        .find(|path| path.is_file())
}

/// The libraries that `#[link(name = …)]` in these rlibs and their dependencies requests. Only
/// rustc can read them, and only while it links, so it builds a static library here. That takes a
/// second, so this is called only if symbols are undefined.
pub(super) fn from_link_attributes(
    linker: &Linker<'_>,
    rlibs: &[Utf8PathBuf],
) -> Result<Vec<String>, LinkError> {
    let folder = kt_dir::temporary(&linker.kt_dir.file("attributes"));
    fs::create_dir_all(&folder).map_err(LinkError::io("create the folder", &folder))?;
    let source = folder.join("attributes.rs");
    let crates: String = (0..rlibs.len())
        .map(|index| format!("extern crate c{index};\n"))
        .collect();
    fs::write(&source, crates).map_err(LinkError::io("write", &source))?;
    let mut rustc = Command::new(&linker.toolchain.rustc);
    rustc.args([
        "--crate-type=staticlib",
        "--crate-name=attributes",
        "--edition=2021",
        "--print=native-static-libs",
    ]);
    rustc.args([
        "--target",
        &linker.toolchain.target,
        "-o",
        folder.join("attributes.a").as_str(),
        source.as_str(),
    ]);
    for (index, rlib) in rlibs.iter().enumerate() {
        rustc.arg("--extern").arg(format!("c{index}={rlib}"));
        if let Some(folder) = rlib.parent() {
            rustc.arg("-L").arg(format!("dependency={folder}"));
        }
    }
    let answer = rustc
        .output()
        .map_err(LinkError::io("run", &linker.toolchain.rustc));
    let _ = fs::remove_dir_all(&folder);
    let answer = String::from_utf8_lossy(&answer?.stderr).into_owned();
    let line = answer
        .lines()
        .find_map(|line| line.split_once("native-static-libs: "));
    let names = line
        .map_or("", |(_, names)| names)
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("-l"));
    Ok(names
        .filter(|name| !ALWAYS_LINKED.contains(name))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_build_scripts_are_parsed() {
        let natives = Natives::new(&NativeLibraries {
            libraries: [
                "static=bundled",
                "dylib=ssl",
                "z",
                "static:-bundle=own",
                "pthread",
                "z",
                "dylib:+verbatim=libx.so.3",
                "static:+verbatim,-bundle=own.a",
                "dylib=declared:found",
            ]
            .map(str::to_owned)
            .into(),
            search_paths: ["native=/a", "/b", "dependency=/c", "native=/a"]
                .map(str::to_owned)
                .into(),
        });
        assert_eq!(natives.shared, ["ssl", "z", ":libx.so.3", "found"]);
        assert_eq!(natives.archives, ["own", ":own.a"]);
        assert_eq!(natives.search, ["/a", "/b"]);
    }
}
