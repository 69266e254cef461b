//! The launcher: a program of a few lines with libstd and the base as needed libraries, built once
//! per base.
//!
//! The same three files start the driver on this machine and the worker in a pod, where they are
//! also in one directory (`RUNPATH $ORIGIN`).

use std::{process::Command, time::Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    LinkError, LinkEvent, LinkedFile, LinkedLayer, Linker,
    executable::ExecutableLink,
    hash::{Name, build_id, short},
    kt_dir,
};

/// The user's rustc compiles `fn main`, so that libstd does the start-up (stack guard, SIGPIPE,
/// main thread, arguments).
const SOURCE: &str = r#"
use std::process::ExitCode;

unsafe extern "Rust" {
    fn __kt_launch() -> ExitCode;
}

fn main() -> ExitCode {
    // SAFETY: kt-runtime, linked into the base by this same rustc, defines it with this type.
    unsafe { __kt_launch() }
}
"#;

/// The launcher and libstd.
pub(super) struct Launcher {
    pub launcher: LinkedFile,
    pub libstd: LinkedFile,
}

/// Builds them in the directory of layer 0, if they do not exist.
pub(super) fn build(linker: &Linker<'_>, base: &LinkedLayer) -> Result<Launcher, LinkError> {
    let folder = base.file.path.parent().unwrap_or(&base.file.path);
    Ok(Launcher {
        libstd: place_libstd(linker, folder)?,
        launcher: place_launcher(linker, folder, base)?,
    })
}

fn record_path(file: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{file}.json"))
}

fn recorded(file: &Utf8Path) -> Option<LinkedFile> {
    kt_dir::read_json::<LinkedFile>(&record_path(file)).filter(LinkedFile::is_whole)
}

fn record(file: &Utf8Path) -> Result<LinkedFile, LinkError> {
    let linked = LinkedFile::of(file)?;
    kt_dir::write_json(&record_path(file), &linked)?;
    Ok(linked)
}

fn place_libstd(linker: &Linker<'_>, folder: &Utf8Path) -> Result<LinkedFile, LinkError> {
    let source = &linker.std.shared;
    let file = folder.join(source.file_name().unwrap_or("libstd.so"));
    if let Some(known) = recorded(&file) {
        return Ok(known);
    }
    kt_dir::hard_link(source, &file)?;
    record(&file)
}

fn place_launcher(
    linker: &Linker<'_>,
    folder: &Utf8Path,
    base: &LinkedLayer,
) -> Result<LinkedFile, LinkError> {
    let file = folder.join("launcher");
    match recorded(&file) {
        Some(known) => Ok(known),
        None => link(linker, &file, base, None),
    }
}

/// Builds a launcher that starts with another C library than that of its system: `libraries` are
/// loaded before all others. `interpreter` is the path of its dynamic linker.
pub(super) fn build_with(
    linker: &Linker<'_>,
    base: &LinkedLayer,
    interpreter: &str,
    libraries: &[&LinkedFile],
) -> Result<LinkedFile, LinkError> {
    let folder = base.file.path.parent().unwrap_or(&base.file.path);
    let mut name = Name::new("launcher with libraries");
    name.add(interpreter)
        .add_all(libraries.iter().map(|file| &file.blake3));
    let file = folder.join(format!("launcher-{}", short(&name.hex())));
    match recorded(&file) {
        Some(known) => Ok(known),
        None => link(linker, &file, base, Some((interpreter, libraries))),
    }
}

fn link(
    linker: &Linker<'_>,
    file: &Utf8Path,
    base: &LinkedLayer,
    own: Option<(&str, &[&LinkedFile])>,
) -> Result<LinkedFile, LinkError> {
    let begun = Instant::now();
    let object = compile(linker, file)?;
    let mut name = Name::new("launcher");
    name.add(&linker.identity)
        .add(&base.file.soname)
        .add(SOURCE)
        .add(file.file_name().unwrap_or_default());
    let (interpreter, libraries) = own.unzip();
    let libraries = libraries.into_iter().flatten();
    let libraries = libraries.map(|library| library.path.as_path());
    let link = ExecutableLink {
        interpreter,
        objects: std::slice::from_ref(&object),
        shared: [linker.std.shared.as_path(), &base.file.path]
            .into_iter()
            .chain(libraries)
            .collect(),
        // The base's symbols must come before those of the libraries that it needs itself, and
        // before libc's (jemalloc).
        always_needed: true,
        extra: vec![
            // `DT_RPATH` also applies to what libc loads: the modules of name services.
            match interpreter {
                Some(_) => "--disable-new-dtags".to_owned(),
                None => "--enable-new-dtags".to_owned(),
            },
            "-rpath=$ORIGIN".to_owned(),
            "--strip-all".to_owned(),
            format!("--build-id=0x{}", build_id(&name.hex())),
        ],
    };
    let arguments = link.arguments(linker);
    linker.report(LinkEvent::Command(linker.lld.command(&arguments, file)));
    let failure = linker.lld.link(&arguments, file)?;
    if let Err(failure) = failure {
        let entry_is_missing = failure
            .undefined()
            .iter()
            .any(|(symbol, _)| symbol == "__kt_launch");
        return Err(if entry_is_missing {
            LinkError::NoRuntime
        } else {
            linker.lld.error("the launcher", &arguments, file)
        });
    }
    let _ = std::fs::remove_file(&object);
    let linked = record(file)?;
    linker.report(LinkEvent::Launcher {
        file: linked.clone(),
        elapsed: begun.elapsed(),
    });
    Ok(linked)
}

/// Compiles [`SOURCE`] to an object. kt links it itself, so no C compiler is called.
fn compile(linker: &Linker<'_>, file: &Utf8Path) -> Result<Utf8PathBuf, LinkError> {
    let object = kt_dir::temporary(&file.with_extension("o"));
    let source = kt_dir::temporary(&file.with_extension("rs"));
    kt_dir::write(&source, SOURCE.as_bytes())?;
    let mut rustc = Command::new(&linker.toolchain.rustc);
    rustc.args([
        "--crate-name=launcher",
        "--crate-type=bin",
        "--edition=2024",
        "--emit=obj",
        "-Cprefer-dynamic",
        "-Copt-level=2",
    ]);
    rustc.args([
        "-Ccodegen-units=1",
        "--target",
        &linker.toolchain.target,
        "-o",
        object.as_str(),
        source.as_str(),
    ]);
    let ran = rustc
        .output()
        .map_err(LinkError::io("run", &linker.toolchain.rustc));
    let _ = std::fs::remove_file(&source);
    let ran = ran?;
    if !ran.status.success() {
        return Err(LinkError::Launcher {
            stderr: String::from_utf8_lossy(&ran.stderr).into_owned(),
        });
    }
    Ok(object)
}
