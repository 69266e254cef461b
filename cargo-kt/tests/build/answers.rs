//! What a program prints: compiled by kt, and compiled by plain cargo from the same files.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::fixture::{Built, KT_MAIN, Workspace};

impl Workspace {
    /// Compiles with kt and runs the program.
    #[track_caller]
    pub fn kt(&self) -> String {
        self.run_built(&self.build())
    }

    /// Compiles and runs the program with plain cargo, in a target directory that kt never sees.
    #[track_caller]
    pub fn cargo(&self) -> String {
        let mut command = self.context.command(Utf8Path::new("cargo"));
        command
            .args(["run", "--quiet", "--offline", "--target-dir"])
            .arg(self.path("../plain"));
        if let Some(manifest) = &self.options.manifest_path {
            command.args(["--manifest-path", manifest.as_str()]);
        }
        for config in &self.options.config {
            command.args(["--config", config]);
        }
        printed(&mut command)
    }

    /// The answer of kt, which plain cargo gives too.
    #[track_caller]
    pub fn same(&self) -> String {
        let kt = self.kt();
        assert_eq!(kt, self.cargo(), "left: kt, right: plain cargo");
        kt
    }

    /// Runs what kt has compiled: the program is a library, which a `main` of ours calls.
    #[track_caller]
    pub fn run_built(&self, built: &Built) -> String {
        let app = built.compiled.hot.last().unwrap();
        let target = built.compiled.hot.iter().map(|hot| &hot.rlib);
        let target = target.chain(built.compiled.base.iter().map(|base| &base.rlib));
        let mut places: Vec<_> = target
            .map(|rlib| rlib.parent().unwrap().to_owned())
            .collect();
        // Those of macros, in either of cargo's layouts.
        places.push(self.kt_target().join("debug/deps"));
        places.extend(
            grandchildren(&self.kt_target().join("debug/build")).map(|unit| unit.join("out")),
        );
        let directory = tempfile::tempdir_in(self.path("..")).unwrap();
        let main = directory.path().join("main.rs");
        std::fs::write(&main, "fn main() { app::kt_main() }").unwrap();
        let program = directory.path().join("main");
        let mut rustc = self.context.command(Utf8Path::new("rustc"));
        rustc
            .arg("--edition=2024")
            .arg(&main)
            .arg("-o")
            .arg(&program);
        rustc.args(["--extern", &format!("app={}", app.rlib)]);
        for place in places {
            rustc.args(["-L", &format!("dependency={place}")]);
        }
        printed(&mut rustc);
        printed(&mut Command::new(program))
    }

    /// kt's own target directory.
    fn kt_target(&self) -> Utf8PathBuf {
        match self.context.variable("CARGO_TARGET_DIR") {
            Some(directory) => self.context.directory.join(directory).join("kt"),
            None => self.path("target/kt"),
        }
    }

    /// Works in another directory from now on: commands start there, and paths are relative to it.
    pub fn enter(&mut self, directory: &str) {
        let directory = self.path(directory);
        std::fs::create_dir_all(&directory).unwrap();
        self.root = directory.canonicalize_utf8().unwrap();
        self.context.directory.clone_from(&self.root);
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &str) {
        self.context.environment.remove(std::ffi::OsStr::new(name));
    }

    /// A program that prints the value of one expression.
    pub fn program(&self, expression: &str) {
        let source = format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", {expression}) }}\n");
        self.write("app/src/main.rs", &source);
    }

    /// A workspace of `app` alone, which prints the value of one expression.
    pub fn app(expression: &str) -> Self {
        let workspace = Self::empty();
        workspace.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"app\"]\n",
        );
        workspace.package("app", "kt-runtime = { path = \"../../kt-runtime\" }\n");
        workspace.program(expression);
        workspace
    }

    /// Moves a file's mtime by so many seconds from now.
    pub fn date(&self, path: &str, seconds: i64) {
        let now = std::time::SystemTime::now();
        let by = std::time::Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { now - by } else { now + by };
        let file = std::fs::File::open(self.path(path)).unwrap();
        file.set_modified(time).unwrap();
    }

    /// Writes a file as `cp -p` restores one: with a date before all builds.
    pub fn restore(&self, path: &str, content: &str) {
        self.write(path, content);
        self.date(path, -100_000);
    }
}

fn grandchildren(directory: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let children = |directory: &Utf8Path| {
        let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
        entries.map(|entry| entry.into_path())
    };
    children(directory).flat_map(move |child| children(&child).collect::<Vec<_>>())
}

#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
