//! What a build script asked to be run again for, read from what it printed
//! (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>).

use camino::{Utf8Path, Utf8PathBuf};

use super::directory;

/// The `rerun-if` lines of one build script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reruns {
    /// Files and directories, relative ones resolved.
    pub(super) paths: Vec<Utf8PathBuf>,
    pub(super) variables: Vec<String>,
}

impl Reruns {
    /// Of the script whose `OUT_DIR` is `out_dir`, of the package in the directory `package`.
    ///
    /// # Errors
    /// When cargo's copy of its output cannot be read.
    pub(super) fn read(out_dir: &Utf8Path, package: &Utf8Path) -> std::io::Result<Self> {
        let path = directory::script_output(out_dir).ok_or(std::io::ErrorKind::NotFound)?;
        let output = std::fs::read(&path)?;
        // In a target directory that was moved since, cargo puts the new `OUT_DIR` for the old one.
        let moved = std::fs::read_to_string(path.with_file_name("root-output"))
            .ok()
            .filter(|old| !old.is_empty() && old != out_dir.as_str());
        Ok(Self::parse(
            &output,
            package,
            moved.as_deref().map(|old| (old, out_dir.as_str())),
        ))
    }

    /// As cargo's `BuildOutput::parse` does: lines that are not UTF-8 count for nothing, space around one neither.
    fn parse(output: &[u8], directory: &Utf8Path, moved: Option<(&str, &str)>) -> Self {
        let mut reruns = Self::default();
        let lines = output.split(|byte| *byte == b'\n');
        for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
            let line = line.trim();
            let Some(instruction) = line
                .strip_prefix("cargo::")
                .or_else(|| line.strip_prefix("cargo:"))
            else {
                continue;
            };
            let Some((key, value)) = instruction.split_once('=') else {
                continue;
            };
            let value = match moved {
                Some((old, new)) => value.replace(old, new),
                None => value.to_owned(),
            };
            match key {
                "rerun-if-changed" => reruns.paths.push(directory.join(value)),
                "rerun-if-env-changed" => reruns.variables.push(value),
                _ => {}
            }
        }
        reruns
    }

    /// Whether cargo runs the script again for any change in its package.
    pub(super) fn is_unspecific(&self) -> bool {
        self.paths.is_empty() && self.variables.is_empty()
    }
}

/// The variables that a script set for its package (`cargo::rustc-env`), given its `OUT_DIR`.
pub(super) fn environment(out_dir: &Utf8Path) -> Vec<(String, String)> {
    let output = directory::script_output(out_dir).and_then(|path| std::fs::read(path).ok());
    let output = output.unwrap_or_default();
    let lines = String::from_utf8_lossy(&output);
    let set = lines.lines().filter_map(|line| {
        let instruction = line
            .strip_prefix("cargo::")
            .or(line.strip_prefix("cargo:"))?;
        let (name, value) = instruction.strip_prefix("rustc-env=")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    set.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_count_and_other_lines_do_not() {
        let output = b"cargo:rerun-if-changed=build.rs\nnoise\n\xff\n cargo::rerun-if-changed=/abs \r\ncargo::rerun-if-env-changed=CC\ncargo:rustc-cfg=x\n";
        let reruns = Reruns::parse(output, Utf8Path::new("/ws/app"), None);
        assert_eq!(reruns.paths, ["/ws/app/build.rs", "/abs"]);
        assert_eq!(reruns.variables, ["CC"]);
        let other = Reruns::parse(b"cargo:rustc-cfg=x\n", Utf8Path::new("/"), None);
        assert!(other.is_unspecific());
    }

    #[test]
    fn a_path_in_a_moved_target_directory_moves_with_it() {
        let output = b"cargo:rerun-if-changed=/old/out/made\n";
        let moved = Some(("/old/out", "/new/out"));
        let reruns = Reruns::parse(output, Utf8Path::new("/ws/app"), moved);
        assert_eq!(reruns.paths, ["/new/out/made"]);
    }
}
