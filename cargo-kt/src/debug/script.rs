//! Writes gdb's startup script.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use super::{Sysroot, pipe};
use crate::terminal::text;

/// The Python part, which handles events of a session.
const SESSION: &str = include_str!("session.py");

/// Commands that run at the first stop instead of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub commands: Vec<String>,
    /// Timeout for the first stop.
    pub timeout: Duration,
}

/// The parameters of the script.
#[derive(Debug)]
pub struct Script<'a> {
    pub service: &'a str,
    pub pid: u32,
    pub sysroot: &'a Sysroot,
    /// The worker's executable, as a path on its machine.
    pub executable: &'a str,
    /// The socket of the session.
    pub socket: &'a Path,
    /// Names of the developer's own objects, of all loaded generations.
    pub objects: &'a [String],
    /// `file:line` or functions.
    pub breakpoints: &'a [String],
    pub batch: Option<&'a Batch>,
    /// Commands are typed by a user, not by a script or an editor.
    pub interactive: bool,
    /// The sysroot of the toolchain, with its scripts and sources.
    pub toolchain: Option<&'a Path>,
    /// rustc's commit hash, which is part of the paths of libstd's sources.
    pub commit: Option<&'a str>,
}

impl Script<'_> {
    /// Writes the script to a directory. Returns its path.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, directory: &Path) -> io::Result<PathBuf> {
        let session = directory.join("session.py");
        fs::write(&session, SESSION)?;
        let config = directory.join("session.json");
        fs::write(&config, self.config().to_string())?;
        let script = directory.join("session.gdb");
        fs::write(&script, self.commands(&session, &config)?)?;
        Ok(script)
    }

    fn config(&self) -> serde_json::Value {
        let batch = self.batch;
        let timeout = batch.map_or(Duration::ZERO, |batch| batch.timeout);
        json!({
            "service": self.service,
            "pid": self.pid,
            "objects": self.objects,
            "batch": batch.is_some(),
            "interactive": self.interactive,
            "commands": batch.map_or(&[][..], |batch| &batch.commands),
            "timeout_seconds": timeout.as_secs_f64(),
            "timeout": text::duration(timeout),
        })
    }

    fn commands(&self, session: &Path, config: &Path) -> io::Result<String> {
        let own = std::env::current_exe()?;
        let mut lines = vec![
            "set confirm off".to_owned(),
            "set breakpoint pending on".to_owned(),
            "set non-stop on".to_owned(),
            // gdb stops threads with it, and it may arrive late.
            "handle SIGSTOP nostop noprint nopass".to_owned(),
            // Thread pools start and stop threads often.
            "set print thread-events off".to_owned(),
            // It would prompt, and then fetch symbols of system libraries for seconds.
            "set debuginfod enabled off".to_owned(),
            format!("set sysroot {}", self.sysroot.directory().display()),
        ];
        if self.batch.is_some() {
            lines.extend(["set pagination off", "set prompt"].map(str::to_owned));
            lines.push("set width 0".to_owned());
        }
        if let Some(toolchain) = self.toolchain {
            let scripts = toolchain.join("lib/rustlib/etc");
            lines.push(format!(
                "python import sys; sys.path.insert(0, {})",
                python(&scripts.display().to_string())
            ));
            lines.push("python import gdb_lookup".to_owned());
            lines.push(
                "python gdb_lookup.register_printers(gdb.selected_inferior().progspace)".to_owned(),
            );
            if let Some(commit) = self.commit {
                lines.push(format!(
                    "set substitute-path /rustc/{commit} {}",
                    toolchain.join("lib/rustlib/src/rust").display()
                ));
            }
        }
        lines.push(format!(
            "file {}",
            self.sysroot.path(self.executable).display()
        ));
        let pipe = [own.as_path(), Path::new(pipe::COMMAND), self.socket];
        let pipe = pipe.map(|argument| shell(&argument.display().to_string()));
        lines.push(format!("target extended-remote | {}", pipe.join(" ")));
        for path in &self.sysroot.fetched {
            let local = self.sysroot.path(path);
            lines.push(format!("remote get {path} {}", local.display()));
        }
        for place in self.breakpoints {
            // gdb has no symbols yet, and would print a message for each breakpoint.
            lines.push(format!(
                "python gdb.execute({}, to_string=True)",
                python(&format!("break {place}"))
            ));
        }
        lines.push("python import json".to_owned());
        lines.push(format!(
            "python kt_session = json.load(open({}))",
            python(&config.display().to_string())
        ));
        lines.push(format!("source {}", session.display()));
        // In the background, so that threads not stopped by the debugger keep running.
        lines.push(format!("attach {} &", self.pid));
        lines.push(String::new());
        Ok(lines.join("\n"))
    }
}

/// Quotes an argument for a shell.
fn shell(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// A Python string literal. JSON's escapes are valid in Python.
fn python(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_a_shell_and_texts_of_python_are_quoted() {
        assert_eq!(shell("/a b/it's"), r"'/a b/it'\''s'");
        assert_eq!(python("/a \"b\"\\"), r#""/a \"b\"\\""#);
    }
}
