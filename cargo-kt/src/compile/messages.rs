//! rustc's JSON messages, printed as cargo prints them (`on_stderr_line_inner` in cargo's
//! `core/compiler/mod.rs`).

use super::Console;

/// One line of rustc's stderr.
#[derive(Debug, serde::Deserialize)]
#[serde(tag = "$message_type", rename_all = "snake_case")]
enum Message {
    Diagnostic {
        message: String,
        level: String,
        rendered: Option<String>,
    },
    Artifact {
        artifact: camino::Utf8PathBuf,
        emit: String,
    },
    #[serde(other)]
    Other,
}

/// Prints the messages of one compilation.
pub(super) struct Shown<'a> {
    console: &'a dyn Console,
    warnings: usize,
    errors: usize,
}

impl<'a> Shown<'a> {
    pub(super) fn new(console: &'a dyn Console) -> Self {
        Self {
            console,
            warnings: 0,
            errors: 0,
        }
    }

    /// Prints one line. Returns true if it reports that the crate's metadata is written.
    pub(super) fn line(&mut self, line: &str) -> bool {
        match serde_json::from_str(line) {
            Ok(Message::Diagnostic {
                message,
                level,
                rendered,
            }) => {
                // cargo replaces rustc's summary with its own.
                let is_summary = message.starts_with("aborting due to")
                    || message.ends_with("warning emitted")
                    || message.ends_with("warnings emitted");
                if !is_summary {
                    self.warnings += usize::from(level == "warning");
                    self.errors += usize::from(level.starts_with("error"));
                    self.console
                        .diagnostic(rendered.as_deref().unwrap_or(&message));
                }
                false
            }
            Ok(Message::Artifact { emit, artifact }) => {
                emit == "metadata" && artifact.extension() == Some("rmeta")
            }
            Ok(Message::Other) => false,
            // Not JSON: the compiler crashed, or a proc macro printed.
            Err(_) => {
                self.console.diagnostic(&format!("{line}\n"));
                false
            }
        }
    }

    /// Prints cargo's summary. `target` is, for example, `bin "app"`.
    pub(super) fn finish(self, package: &str, target: &str, succeeded: bool) {
        let count = |number: usize, noun: &str| {
            format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
        };
        let text = match (succeeded, self.errors, self.warnings) {
            (true, _, 0) => return,
            (true, _, warnings) => {
                format!(
                    "\x1b[1m\x1b[33mwarning\x1b[0m: `{package}` ({target}) generated {}\n",
                    count(warnings, "warning")
                )
            }
            (false, errors, warnings) => {
                let errors = if errors == 0 {
                    String::new()
                } else {
                    format!(" due to {}", count(errors, "previous error"))
                };
                let warnings = if warnings == 0 {
                    String::new()
                } else {
                    format!("; {} emitted", count(warnings, "warning"))
                };
                format!(
                    "\x1b[1m\x1b[31merror\x1b[0m\x1b[1m:\x1b[0m could not compile `{package}` ({target}){errors}{warnings}\n"
                )
            }
        };
        self.console.diagnostic(&text);
    }
}
