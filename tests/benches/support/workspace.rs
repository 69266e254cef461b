//! A copy of a fixture that outlives the benchmark, so that its dependencies are compiled once.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;
use tests::{checkout, clean_environment};

#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Copies the fixture to `bench/NAME` in the target directory. What cargo has made there stays.
    pub fn of(fixture: &str, name: &str) -> Self {
        let root = super::directory().join(name);
        copy(&checkout().join("tests/fixtures").join(fixture), &root)
            .unwrap_or_else(|error| panic!("the fixture {fixture} cannot be copied: {error}"));
        Self { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// A file of the fixture `bench` whose line `let edition = …;` says this number. Not written yet: that is what is timed.
    pub fn with_edition(&self, file: &str, edition: u32) -> Edited {
        self.with_line(file, &format!("let edition = {edition};"))
    }

    /// As [`with_edition`](Self::with_edition), with this for the whole line.
    pub fn with_line(&self, file: &str, line: &str) -> Edited {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).expect("the fixture has the file");
        let (before, rest) = text
            .split_once("let edition = ")
            .expect("the file has the line");
        let (_, after) = rest.split_once('\n').expect("the file goes on behind it");
        let text = format!("{before}{line}\n{after}");
        Edited { path, text }
    }

    /// A cargo command for it, as from a fresh shell. Not in it: this checkout's own alias for `cargo kt` holds below
    /// the checkout, and goes by where a command is started.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        clean_environment(&mut command);
        command
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(env::temp_dir())
            .stdin(Stdio::null());
        command
            .args(arguments)
            .arg("--manifest-path")
            .arg(self.root.join("Cargo.toml"));
        command
    }
}

/// A file's new text.
#[derive(Debug)]
pub struct Edited {
    path: PathBuf,
    text: String,
}

impl Edited {
    pub fn write(self) {
        fs::write(&self.path, self.text).expect("the copy can be written");
    }
}

/// Where a run's editions begin: above all that earlier runs have put into the files. What was linked for one of those is still
/// there, and would be found again instead of being made.
pub fn first_edition() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // Tenths of a second from a moment in this project's life on: no run edits ten times a second, and they last for 13 years.
    let tenths = since.map_or(0, |since| since.as_millis() / 100);
    u32::try_from(tenths.saturating_sub(17_000_000_000)).unwrap_or_default()
}

/// Copies the files that differ, bound to this checkout's kt-runtime.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let runtime = checkout().join("kt-runtime").display().to_string();
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            if entry.file_name() != "target" {
                copy(&source, &target)?;
            }
            continue;
        }
        let text = fs::read_to_string(&source)?.replace("../../../kt-runtime", &runtime);
        if fs::read_to_string(&target).ok().as_ref() != Some(&text) {
            fs::write(&target, text)?;
        }
    }
    Ok(())
}

/// `cargo-kt` as `cargo install` would build it, and a private directory for its services, which end with this.
#[derive(Debug)]
pub struct Tool {
    directory: PathBuf,
    private: TempDir,
}

impl Tool {
    pub fn build() -> Self {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let directory = BUILT.get_or_init(|| {
            let mut build = Command::new("cargo");
            clean_environment(&mut build);
            build
                .args([
                    "build",
                    "--release",
                    "--package",
                    "kt-cli",
                    "--bin",
                    "cargo-kt",
                ])
                .current_dir(checkout());
            build
                .arg("--target-dir")
                .arg(super::directory().join("cargo-kt"));
            let built = build.status().expect("cargo runs");
            assert!(built.success(), "cargo-kt does not build");
            super::directory().join("cargo-kt/release")
        });
        Self::at(directory)
    }

    /// The `cargo-kt` in this directory.
    pub fn at(directory: &Path) -> Self {
        // Short, since a socket's path has little room.
        let private = tempfile::Builder::new()
            .prefix("kt-")
            .tempdir_in("/tmp")
            .expect("/tmp can be written");
        Self {
            // The commands do not run where this was typed.
            directory: directory.canonicalize().expect("the folder is there"),
            private,
        }
    }

    /// Lets a command find the tool and this benchmark's services, not the developer's.
    pub fn lend(&self, mut command: Command) -> Command {
        let path = env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.directory.display()));
        command
            .env("KT_RUNTIME_DIR", self.private.path().join("run"))
            .env("KT_HOME", self.private.path().join("home"));
        command
    }

    /// Where this benchmark may put sockets.
    pub fn private(&self) -> &Path {
        self.private.path()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let mut down = Command::new("cargo");
        clean_environment(&mut down);
        down.args(["kt", "down", "--all"])
            .current_dir(env::temp_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _ = self.lend(down).status();
    }
}
