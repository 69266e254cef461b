//! Parses the output of a build script: the changes for which it must rerun
//! (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>).

use camino::{Utf8Path, Utf8PathBuf};

use super::directory;

/// The `rerun-if` lines of one build script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reruns {
    /// Files and directories, as absolute paths.
    pub(super) paths: Vec<Utf8PathBuf>,
    pub(super) variables: Vec<String>,
}

impl Reruns {
    /// Reads the lines of the script with this `OUT_DIR`, of the package in the directory
    /// `package`.
    ///
    /// # Errors
    /// If cargo's copy of the script's output cannot be read.
    pub(super) fn read(out_dir: &Utf8Path, package: &Utf8Path) -> std::io::Result<Self> {
        let path = directory::script_output(out_dir).ok_or(std::io::ErrorKind::NotFound)?;
        let output = std::fs::read(&path)?;
        // If the target directory was moved since, cargo replaces the old `OUT_DIR` by the new one.
        let moved = std::fs::read_to_string(path.with_file_name("root-output"))
            .ok()
            .filter(|old| !old.is_empty() && old != out_dir.as_str());
        Ok(Self::parse(
            &output,
            package,
            moved.as_deref().map(|old| (old, out_dir.as_str())),
        ))
    }

    /// Parses as cargo's `BuildOutput::parse`: ignores lines that are not UTF-8, and trims lines.
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

    /// Whether cargo reruns the script for any change in its package.
    pub(super) fn is_unspecific(&self) -> bool {
        self.paths.is_empty() && self.variables.is_empty()
    }
}

/// The variables that the script with this `OUT_DIR` sets for its package (`cargo::rustc-env`).
pub(super) fn environment(out_dir: &Utf8Path) -> Vec<(String, String)> {
    let set = instructions(out_dir)
        .into_iter()
        .filter_map(|(key, value)| {
            let (name, value) = value.split_once('=').filter(|_| key == "rustc-env")?;
            Some((name.to_owned(), value.to_owned()))
        });
    set.collect()
}

/// The arguments that the script with this `OUT_DIR` has for the linker of a bin or example.
pub(super) fn link_arguments(out_dir: &Utf8Path) -> Vec<String> {
    let arguments = instructions(out_dir)
        .into_iter()
        .filter_map(|(key, value)| match &*key {
            "rustc-link-arg" | "rustc-link-arg-bins" | "rustc-link-arg-examples" => Some(value),
            // Of one bin.
            "rustc-link-arg-bin" => Some(value.split_once('=')?.1.to_owned()),
            _ => None,
        });
    arguments.collect()
}

/// Keys and values of the script's lines for cargo.
fn instructions(out_dir: &Utf8Path) -> Vec<(String, String)> {
    let output = directory::script_output(out_dir).and_then(|path| std::fs::read(path).ok());
    let output = output.unwrap_or_default();
    let lines = String::from_utf8_lossy(&output);
    let instructions = lines.lines().filter_map(|line| {
        let line = line.trim();
        let instruction = line
            .strip_prefix("cargo::")
            .or(line.strip_prefix("cargo:"))?;
        let (key, value) = instruction.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    });
    instructions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_both_prefixes_and_ignores_other_lines() {
        let output = b"cargo:rerun-if-changed=build.rs\nnoise\n\xff\n cargo::rerun-if-changed=/abs \r\ncargo::rerun-if-env-changed=CC\ncargo:rustc-cfg=x\n";
        let reruns = Reruns::parse(output, Utf8Path::new("/ws/app"), None);
        assert_eq!(reruns.paths, ["/ws/app/build.rs", "/abs"]);
        assert_eq!(reruns.variables, ["CC"]);
        let other = Reruns::parse(b"cargo:rustc-cfg=x\n", Utf8Path::new("/"), None);
        assert!(other.is_unspecific());
    }

    #[test]
    fn updates_paths_in_a_moved_target_directory() {
        let output = b"cargo:rerun-if-changed=/old/out/made\n";
        let moved = Some(("/old/out", "/new/out"));
        let reruns = Reruns::parse(output, Utf8Path::new("/ws/app"), moved);
        assert_eq!(reruns.paths, ["/new/out/made"]);
    }
}
