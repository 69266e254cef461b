//! The linker shim, which rustc calls for an executable. It stores the objects and the link line and
//! links nothing.

use std::io;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::file;
use crate::artifacts::LinkLine;

/// The wrapper sets it on rustc: the directory for the objects and the link line. rustc then calls
/// this executable by the name [`NAME`].
pub(super) const DIRECTORY: &str = "KT_LINKER";
/// The symbolic link's name. rustc infers no linker flavor from it and uses the target's default.
pub(super) const NAME: &str = "kt-linker";
/// The file of the link line in that directory.
const LINE: &str = "line.json";

/// What this executable does when rustc calls it as the linker.
pub(super) fn linker_main(directory: &Utf8Path, arguments: &[String]) -> ExitCode {
    match record(directory, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to record the arguments of the linker in `{directory}`: {error}");
            ExitCode::FAILURE
        }
    }
}

fn record(directory: &Utf8Path, arguments: &[String]) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let arguments = expand_response_files(arguments)?;
    let temporary = temporary_directory(&arguments);
    let mut line = LinkLine {
        objects: Vec::new(),
        arguments: Vec::new(),
    };
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        if argument == "-o" {
            // rustc and cargo only require that the file exists.
            let output = rest.next().unwrap_or_default();
            std::fs::write(output, b"")?;
        } else if argument.ends_with(".o") && Utf8Path::new(&argument).is_file() {
            line.objects.push(keep(
                Utf8Path::new(&argument),
                directory,
                line.objects.len(),
            )?);
        } else {
            line.arguments
                .push(keep_temporary(argument, temporary.as_deref(), directory)?);
        }
    }
    file::write_atomically(&directory.join(LINE), &serde_json::to_vec(&line)?)
}

/// rustc's own directory for this link, `/tmp/rustcXXXXXX`. It holds `symbols.o` and lists, and rustc
/// removes it afterwards.
fn temporary_directory(arguments: &[String]) -> Option<Utf8PathBuf> {
    let object = arguments
        .iter()
        .find(|argument| argument.ends_with("/symbols.o"))?;
    Utf8Path::new(object).parent().map(Utf8Path::to_owned)
}

/// Keeps a file of rustc's temporary directory that an argument names, such as
/// `-Wl,--dynamic-list=/tmp/rustcXXXXXX/list`.
fn keep_temporary(
    argument: String,
    temporary: Option<&Utf8Path>,
    directory: &Utf8Path,
) -> io::Result<String> {
    let Some(temporary) = temporary else {
        return Ok(argument);
    };
    let Some(at) = argument.find(temporary.as_str()) else {
        return Ok(argument);
    };
    let (before, path) = argument.split_at(at);
    let path = Utf8Path::new(path);
    if !path.is_file() {
        return Ok(argument);
    }
    let kept = directory.join(format!("rustc-{}", path.file_name().unwrap_or("file")));
    file::link(path, &kept)?;
    Ok(format!("{before}{kept}"))
}

fn keep(object: &Utf8Path, directory: &Utf8Path, number: usize) -> io::Result<Utf8PathBuf> {
    let name = object.file_name().unwrap_or("object.o");
    let kept = directory.join(format!("{number}-{name}"));
    file::link(object, &kept)?;
    Ok(kept)
}

/// A response file (`@file`) has one argument per line. For a GNU linker rustc puts a backslash before
/// backslashes and spaces (`rustc_codegen_ssa/src/back/link.rs`, `exec_linker`).
fn expand_response_files(arguments: &[String]) -> io::Result<Vec<String>> {
    let mut expanded = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match argument.strip_prefix('@') {
            Some(path) => {
                let text = std::fs::read_to_string(path)?;
                expanded.extend(
                    text.lines()
                        .map(|line| line.replace("\\ ", " ").replace("\\\\", "\\")),
                );
            }
            None => expanded.push(argument.clone()),
        }
    }
    Ok(expanded)
}

/// Reads the link line that the shim stored in `staging` and moves the directory to `destination`,
/// replacing it.
pub(super) fn adopt(staging: &Utf8Path, destination: &Utf8Path) -> io::Result<LinkLine> {
    let mut line: LinkLine = serde_json::from_slice(&std::fs::read(staging.join(LINE))?)?;
    file::absent_is_fine(std::fs::remove_dir_all(destination))?;
    std::fs::rename(staging, destination)?;
    for object in &mut line.objects {
        if let Ok(name) = object.strip_prefix(staging) {
            *object = destination.join(name);
        }
    }
    for argument in &mut line.arguments {
        *argument = argument.replace(staging.as_str(), destination.as_str());
    }
    Ok(line)
}
