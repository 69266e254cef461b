//! Stub libraries of a glibc for the linker: symbols with their versions, and the start files of an
//! executable.

use std::{collections::BTreeMap, ffi::OsString, fs, process::Command};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Glibc, GlibcError, Zig, zig::triple};

/// Files by zig's names, each with the name that `-l` searches for, in link order. Before 2.34,
/// parts of libc were separate libraries. The dynamic linker has `__tls_get_addr`.
const LIBRARIES: [(&str, Option<&str>); 9] = [
    ("libc.so.6", Some("libc.so")),
    // Small parts of glibc that are linked statically, of this version.
    ("libc_nonshared.a", None),
    ("libm.so.6", Some("libm.so")),
    ("libpthread.so.0", Some("libpthread.so")),
    ("libdl.so.2", Some("libdl.so")),
    ("librt.so.1", Some("librt.so")),
    ("libutil.so.1", Some("libutil.so")),
    ("libresolv.so.2", Some("libresolv.so")),
    ("libld.so.2", None),
];
/// Empty since this version: zig creates none.
const MERGED: (Glibc, [&str; 4]) = (
    Glibc(2, 34),
    [
        "libpthread.so.0",
        "libdl.so.2",
        "librt.so.1",
        "libutil.so.1",
    ],
);
/// The start file of a position-independent executable.
const START: &str = "Scrt1.o";

/// zig compiles it and creates all of them.
const PROGRAM: &str = "int main(void) { return 0; }\n";

/// Defined by a C compiler's start file of shared objects. Parts of `libc_nonshared.a` refer to it.
const HANDLE: &str =
    "__attribute__((visibility(\"hidden\"))) void *__dso_handle = &__dso_handle;\n";
const HANDLE_ARCHIVE: &str = "libdso_handle.a";

/// GCC's library for unwinding, which zig does not have: its functions and their versions are the
/// same on all machines (`libgcc/libgcc-std.ver.in` of GCC).
const UNWINDER: &str = "libgcc_s.so.1";
const UNWINDING: [(&str, &[&str]); 3] = [
    (
        "GCC_3.0",
        &[
            "_Unwind_DeleteException",
            "_Unwind_Find_FDE",
            "_Unwind_ForcedUnwind",
            "_Unwind_GetDataRelBase",
            "_Unwind_GetGR",
            "_Unwind_GetIP",
            "_Unwind_GetLanguageSpecificData",
            "_Unwind_GetRegionStart",
            "_Unwind_GetTextRelBase",
            "_Unwind_RaiseException",
            "_Unwind_Resume",
            "_Unwind_SetGR",
            "_Unwind_SetIP",
        ],
    ),
    (
        "GCC_3.3",
        &[
            "_Unwind_Backtrace",
            "_Unwind_FindEnclosingFunction",
            "_Unwind_GetCFA",
            "_Unwind_Resume_or_Rethrow",
        ],
    ),
    ("GCC_4.2.0", &["_Unwind_GetIPInfo"]),
];

/// A glibc to link against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stubs {
    pub glibc: Glibc,
    /// The directory for `-L`.
    pub directory: Utf8PathBuf,
    /// In link order.
    pub libraries: Vec<Utf8PathBuf>,
    pub start: Utf8PathBuf,
    /// `libgcc_s`, for a machine whose C compiler has none for the target.
    pub unwinder: Utf8PathBuf,
}

impl Stubs {
    /// The stubs of a version. zig takes some seconds to create them the first time; they are
    /// cached below `cache`.
    ///
    /// # Errors
    /// If zig is not found, or does not know the version.
    pub fn make(
        cache: &Utf8Path,
        target: &str,
        glibc: Glibc,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, GlibcError> {
        let triple = triple(target, glibc)?;
        let directory = cache.join("glibc").join(&triple);
        let stubs = Self {
            glibc,
            libraries: libraries(glibc)
                .map(|(name, _)| name)
                .chain([HANDLE_ARCHIVE])
                .map(|name| directory.join(name))
                .collect(),
            start: directory.join(START),
            unwinder: directory.join(UNWINDER),
            directory,
        };
        // The rename is atomic.
        if stubs.directory.is_dir() {
            return Ok(stubs);
        }
        let zig = Zig::find(environment)?;
        let parent = cache.join("glibc");
        fs::create_dir_all(&parent).map_err(GlibcError::io("create", &parent))?;
        let work = tempfile::tempdir_in(&parent).map_err(GlibcError::io("write to", &parent))?;
        let work = Utf8Path::from_path(work.path()).ok_or_else(|| GlibcError::Io {
            action: "write to",
            path: parent.clone(),
            source: std::io::ErrorKind::InvalidFilename.into(),
        })?;
        let made = stubs.compile(&zig, &triple, target, work, environment)?;
        // Another process may have created the same files first.
        match fs::rename(&made, &stubs.directory) {
            Err(_) if stubs.directory.is_dir() => Ok(stubs),
            renamed => {
                renamed.map_err(GlibcError::io("write", &stubs.directory))?;
                Ok(stubs)
            }
        }
    }

    /// Builds a program with zig and an empty cache, in which each file then exists once.
    fn compile(
        &self,
        zig: &Zig,
        triple: &str,
        target: &str,
        work: &Utf8Path,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Utf8PathBuf, GlibcError> {
        let (cache, made) = (work.join("cache"), work.join("made"));
        fs::create_dir_all(&made).map_err(GlibcError::io("create", &made))?;
        let zig = |arguments: &[&str]| {
            let ran = Command::new(&zig.program)
                .args(arguments)
                .env_clear()
                .envs(environment)
                .env("ZIG_GLOBAL_CACHE_DIR", &cache)
                .env("ZIG_LOCAL_CACHE_DIR", &cache)
                .current_dir(work)
                .output()
                .map_err(GlibcError::io("run", &zig.program))?;
            match ran.status.success() {
                true => Ok(()),
                false => Err(GlibcError::Version {
                    glibc: self.glibc,
                    target: target.to_owned(),
                    stderr: String::from_utf8_lossy(&ran.stderr).trim().to_owned(),
                }),
            }
        };
        write_sources(work)?;
        let cc = ["cc", "-target", triple, "-fno-sanitize=undefined"];
        let with_cc = |more: &[&str]| zig(&[&cc, more].concat());
        with_cc(&[
            "-pie",
            "-o",
            "program",
            "program.c",
            "-lpthread",
            "-ldl",
            "-lrt",
            "-lutil",
            "-lresolv",
            "-lm",
        ])?;
        with_cc(&["-fPIC", "-O1", "-c", "-o", "handle.o", "handle.c"])?;
        let archive = format!("made/{HANDLE_ARCHIVE}");
        zig(&["ar", "rcs", &archive, "handle.o"])?;
        let soname = format!("-Wl,-soname,{UNWINDER}");
        let unwinder = format!("made/{UNWINDER}");
        with_cc(&[
            "-shared",
            "-nostdlib",
            "-fPIC",
            "-O1",
            "-o",
            &unwinder,
            "unwinding.c",
            &soname,
            "-Wl,--version-script=unwinding.map",
        ])?;
        self.copy_libraries(&cache, &made)?;
        Ok(made)
    }

    /// Copies the libraries out of zig's cache, with the names that `-l` searches for.
    fn copy_libraries(&self, cache: &Utf8Path, to: &Utf8Path) -> Result<(), GlibcError> {
        for (name, alias) in libraries(self.glibc).chain([(START, None)]) {
            let file = find(cache, name).ok_or(GlibcError::NoFile {
                file: name,
                glibc: self.glibc,
            })?;
            fs::copy(&file, to.join(name)).map_err(GlibcError::io("copy", &file))?;
            if let Some(alias) = alias {
                let link = to.join(alias);
                std::os::unix::fs::symlink(name, &link).map_err(GlibcError::io("write", &link))?;
            }
        }
        Ok(())
    }
}

fn write_sources(folder: &Utf8Path) -> Result<(), GlibcError> {
    let (functions, versions) = unwinding();
    for (name, text) in [
        ("program.c", PROGRAM),
        ("handle.c", HANDLE),
        ("unwinding.c", &functions),
        ("unwinding.map", &versions),
    ] {
        let file = folder.join(name);
        fs::write(&file, text).map_err(GlibcError::io("write", &file))?;
    }
    Ok(())
}

/// Empty functions in C, and a version script for them.
fn unwinding() -> (String, String) {
    let (mut functions, mut versions) = (String::new(), String::new());
    for (version, names) in UNWINDING {
        for name in names {
            functions += &format!("void {name}(void) {{}}\n");
        }
        versions += &format!("{version} {{ {}; }};\n", names.join("; "));
    }
    (functions, versions)
}

/// The files that a version has.
fn libraries(glibc: Glibc) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let (since, merged) = MERGED;
    let has = move |name: &str| glibc < since || !merged.contains(&name);
    LIBRARIES.into_iter().filter(move |(name, _)| has(name))
}

/// `o/<hash>/<name>` in zig's cache.
fn find(cache: &Utf8Path, name: &str) -> Option<Utf8PathBuf> {
    let folders = cache.join("o").read_dir_utf8().ok()?.flatten();
    folders
        .map(|folder| folder.path().join(name))
        .find(|file| file.is_file())
}
