//! Arguments of rustc in a file, which is passed as `@path`. cargo does this when a command is too
//! long for the kernel (`E2BIG`), and then kt must do it too. One argument per line, as in
//! <https://doc.rust-lang.org/rustc/command-line-arguments.html#path-load-command-line-flags-from-a-path>.

use std::{
    io::{self, Write as _},
    process::{Child, Command},
};

use camino::Utf8Path;
use tempfile::NamedTempFile;

/// Replaces each `@path` by the lines of that file.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn expanded(arguments: &[String], directory: &Utf8Path) -> io::Result<Vec<String>> {
    let mut expanded = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match argument.strip_prefix('@') {
            Some(path) => {
                let text = std::fs::read_to_string(directory.join(path))?;
                expanded.extend(text.lines().map(str::to_owned));
            }
            None => expanded.push(argument.clone()),
        }
    }
    Ok(expanded)
}

/// A process, and the file with its arguments if they are in one. It must exist until the process
/// has read it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) file: Option<NamedTempFile>,
}

/// Starts rustc with `arguments`. `command` makes the command without them.
///
/// # Errors
/// If it cannot be started, or the arguments need a file and one has a line break.
pub(crate) fn spawn(command: impl Fn() -> Command, arguments: &[String]) -> io::Result<Started> {
    match command().args(arguments).spawn() {
        Err(error) if error.kind() == io::ErrorKind::ArgumentListTooLong => {}
        spawned => {
            return spawned.map(|child| Started { child, file: None });
        }
    }
    let mut file = NamedTempFile::new()?;
    if arguments
        .iter()
        .any(|argument| argument.contains(['\n', '\r']))
    {
        let why = "the command is too long, and an argument with a line break cannot be in a file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    for argument in arguments {
        writeln!(file, "{argument}")?;
    }
    file.flush()?;
    let child = command()
        .arg(format!("@{}", file.path().display()))
        .spawn()?;
    Ok(Started {
        child,
        file: Some(file),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn arguments_in_files_are_expanded() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(directory.join("args"), "--cfg\na b\n").unwrap();
        let arguments = ["x", "@args", "y"].map(str::to_owned);
        let all = expanded(&arguments, directory).unwrap();
        assert_eq!(all, ["x", "--cfg", "a b", "y"]);
        assert!(expanded(&["@none".to_owned()], directory).is_err());
    }

    #[test]
    fn a_command_that_is_too_long_gets_its_arguments_in_a_file() {
        // `sh -c 'cat "${1#@}"' sh @file`
        let command = || {
            let mut command = Command::new("sh");
            command
                .args(["-c", "cat \"${1#@}\"", "sh"])
                .stdout(Stdio::piped());
            command
        };
        let mut arguments = vec!["x".repeat(100_000); 40];
        let started = spawn(command, &arguments).unwrap();
        let output = started.child.wait_with_output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.lines().eq(arguments.iter()), "{}", printed.len());
        arguments.push("a\nb".to_owned());
        let error = spawn(command, &arguments).unwrap_err();
        assert!(error.to_string().contains("line break"), "{error}");
    }
}
