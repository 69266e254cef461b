//! Small workspaces in a temporary directory, built by real cargo.

use std::ffi::OsString;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_kt::artifacts::Compiled;
use cargo_kt::compile::{BuildError, Console, How, Planned};
use cargo_kt::context::CargoContext;
use cargo_kt::plan::CargoOptions;
use cargo_kt::session::plan;

/// The symbol that kt's macros export once per bin.
pub const KT_MAIN: &str = "#[unsafe(export_name = \"kt:main\")] pub fn kt_main() { main() }\n";

pub struct Workspace {
    _directory: tempfile::TempDir,
    pub root: Utf8PathBuf,
    pub options: CargoOptions,
    pub context: CargoContext,
}

/// The result of a build, without its lock: a test builds again while it still uses the last
/// result.
#[derive(Debug)]
pub struct Built {
    pub compiled: Compiled,
    pub how: How,
}

/// The output of a build.
#[derive(Default)]
pub struct Heard {
    pub statuses: Mutex<Vec<String>>,
    pub diagnostics: Mutex<String>,
    pub messages: Mutex<Vec<String>>,
    pub verbose: Mutex<Vec<String>>,
}

impl Console for Heard {
    fn status(&self, verb: &str, text: &str) {
        self.statuses.lock().unwrap().push(format!("{verb} {text}"));
    }
    fn diagnostic(&self, rendered: &str) {
        self.diagnostics.lock().unwrap().push_str(rendered);
    }
    fn message(&self, line: &str) {
        self.messages.lock().unwrap().push(line.to_owned());
    }
    fn verbose(&self, text: &str) {
        self.verbose.lock().unwrap().push(text.to_owned());
    }
}

impl Workspace {
    /// `app` (bin) depends on `leaf`, which depends on `deep`. All are members. kt-runtime is a
    /// stub beside the workspace.
    pub fn new() -> Self {
        let workspace = Self::empty();
        workspace.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"leaf\", \"deep\"]\n",
        );
        workspace.package(
            "app",
            "leaf = { path = \"../leaf\" }\nkt-runtime = { path = \"../../kt-runtime\" }\n",
        );
        workspace.package("leaf", "deep = { path = \"../deep\" }\n");
        workspace.package("deep", "");
        workspace.write(
            "app/src/main.rs",
            &format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", leaf::leaf()) }}\n"),
        );
        workspace.write(
            "leaf/src/lib.rs",
            "pub fn leaf() -> u32 { deep::deep() + 1 }\n",
        );
        workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 1 }\n");
        workspace
    }

    /// A workspace with only the stub of kt-runtime.
    pub fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        let root = base.join("ws");
        std::fs::create_dir_all(&root).unwrap();
        let mut context = CargoContext::current().unwrap();
        context.directory = root.clone();
        context.executable = env!("CARGO_BIN_EXE_cargo-kt").into();
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_") && text != "CARGO_HOME" || text == "RUSTFLAGS" {
                context.environment.remove(&name);
            }
        }
        for (name, value) in crate::ENVIRONMENT {
            let (name, value) = (OsString::from(name), OsString::from(value));
            context.environment.insert(name, value);
        }
        let workspace = Self {
            _directory: directory,
            root,
            options: CargoOptions {
                offline: true,
                quiet: true,
                ..Default::default()
            },
            context,
        };
        let version = env!("CARGO_PKG_VERSION");
        workspace.write(
            "../kt-runtime/Cargo.toml",
            &format!("[package]\nname = \"kt-runtime\"\nversion = \"{version}\"\nedition = \"2024\"\n[lib]\nname = \"kt\"\n[workspace]\n"),
        );
        workspace.write("../kt-runtime/src/lib.rs", "pub fn kt() {}\n");
        workspace
    }

    pub fn package(&self, directory: &str, dependencies: &str) {
        let name = Utf8Path::new(directory).file_name().unwrap();
        self.write(
            &format!("{directory}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}"),
        );
    }

    pub fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path)
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes other content and restores the file's mtime.
    pub fn write_keeping_mtime(&self, path: &str, content: &str) {
        let modified = std::fs::metadata(self.path(path))
            .unwrap()
            .modified()
            .unwrap();
        self.write(path, content);
        let file = std::fs::File::options()
            .write(true)
            .open(self.path(path))
            .unwrap();
        file.set_modified(modified).unwrap();
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.context
            .environment
            .insert(OsString::from(name), OsString::from(value));
    }

    pub fn try_build(&self) -> (Result<Built, BuildError>, Heard) {
        let heard = Heard::default();
        let built = plan(&self.options, &self.context, &heard).and_then(Planned::compile);
        (
            built.map(|built| Built {
                compiled: built.compiled,
                how: built.how,
            }),
            heard,
        )
    }

    pub fn build(&self) -> Built {
        let (built, heard) = self.try_build();
        built.unwrap_or_else(|error| panic!("{error:?}\n{}", heard.diagnostics.lock().unwrap()))
    }

    pub fn fail(&self) -> BuildError {
        self.try_build().0.expect_err("this must not build")
    }
}

/// The inode of a file and its time of modification: the file system uses the inode of a removed
/// file again.
pub type FileVersion = (u64, std::time::SystemTime);

/// The name and file of each hot crate's rlib. An equal file means that it was not recompiled.
pub fn versions(built: &Built) -> Vec<(String, FileVersion)> {
    use std::os::unix::fs::MetadataExt as _;
    let version = |path: &Utf8Path| {
        let metadata = std::fs::metadata(path).unwrap();
        (metadata.ino(), metadata.modified().unwrap())
    };
    built
        .compiled
        .hot
        .iter()
        .map(|hot| (hot.crate_name.clone(), version(&hot.rlib)))
        .collect()
}

/// The hot crates whose rlibs differ between two builds.
pub fn rebuilt(before: &[(String, FileVersion)], after: &Built) -> Vec<String> {
    versions(after)
        .into_iter()
        .filter(|now| !before.contains(now))
        .map(|(name, _)| name)
        .collect()
}

pub fn names(built: &Built) -> Vec<&str> {
    built
        .compiled
        .hot
        .iter()
        .map(|hot| hot.crate_name.as_str())
        .collect()
}
