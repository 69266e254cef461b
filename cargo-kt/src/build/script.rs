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
    /// Of the script whose `OUT_DIR` is `out_dir`, of the package in `directory`.
    ///
    /// # Errors
    /// When cargo's copy of its output cannot be read.
    pub(super) fn read(out_dir: &Utf8Path, directory: &Utf8Path) -> std::io::Result<Self> {
        let output = directory::script_output(out_dir).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(Self::parse(
            &String::from_utf8_lossy(&std::fs::read(output)?),
            directory,
        ))
    }

    fn parse(output: &str, directory: &Utf8Path) -> Self {
        let mut reruns = Self::default();
        for line in output.lines() {
            let Some(instruction) = line
                .strip_prefix("cargo::")
                .or_else(|| line.strip_prefix("cargo:"))
            else {
                continue;
            };
            match instruction.split_once('=') {
                Some(("rerun-if-changed", path)) => reruns.paths.push(directory.join(path)),
                Some(("rerun-if-env-changed", name)) => reruns.variables.push(name.to_owned()),
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
        let output = "cargo:rerun-if-changed=build.rs\nnoise\ncargo::rerun-if-changed=/abs\ncargo::rerun-if-env-changed=CC\ncargo:rustc-cfg=x\n";
        let reruns = Reruns::parse(output, Utf8Path::new("/ws/app"));
        assert_eq!(reruns.paths, ["/ws/app/build.rs", "/abs"]);
        assert_eq!(reruns.variables, ["CC"]);
        assert!(Reruns::parse("cargo:rustc-cfg=x\n", Utf8Path::new("/")).is_unspecific());
    }
}
