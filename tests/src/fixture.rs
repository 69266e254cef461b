//! The workspaces in `fixtures/`, and their dependencies, compiled once for all tests.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use crate::{
    cargo_kt::{cargo_kt, checkout, clean_environment},
    copy,
};

/// A workspace to copy and edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fixture {
    name: &'static str,
    /// The fixture whose compiled dependencies serve this one too, since it has the same.
    seed: &'static str,
    release: bool,
}

impl Fixture {
    /// One remote function and one state.
    pub const ONE: Self = Self {
        name: "one",
        seed: "one",
        release: false,
    };
    /// A driver with a command for every kind of call.
    pub const CALLS: Self = Self {
        name: "calls",
        seed: "one",
        release: false,
    };
    /// Ten crates and one.
    pub const TEN: Self = Self {
        name: "ten",
        seed: "ten",
        release: false,
    };
    /// The demos in `examples/`, in a workspace of their own.
    pub const DEMOS: Self = Self {
        name: "examples",
        seed: "examples",
        release: false,
    };
    /// [`TEN`](Self::TEN) with its dependencies compiled for `--release`.
    pub const TEN_RELEASE: Self = Self {
        release: true,
        ..Self::TEN
    };

    /// Copies the sources to `to`, bound to this checkout's kt-runtime.
    pub(crate) fn sources(self, to: &Path) {
        let runtime = checkout().join("kt-runtime").display().to_string();
        let rewrite =
            |path: &Path, text: String| match path.file_name().and_then(|name| name.to_str()) {
                Some("Cargo.toml") => text.replace("../../../kt-runtime", &runtime),
                _ => text,
            };
        let copied = if self == Self::DEMOS {
            demos(to)
        } else {
            copy::refresh(
                &checkout().join("tests/fixtures").join(self.name),
                to,
                &rewrite,
            )
        };
        copied
            .unwrap_or_else(|error| panic!("the fixture {} cannot be copied: {error}", self.name));
    }

    /// Copies the compiled dependencies to `to`, after compiling what is not.
    pub(crate) fn dependencies(self, to: &Path) {
        // What kt itself makes is left out: a test begins where a developer does who has just compiled the dependencies.
        let wanted = |name: &str| !matches!(name, "warm" | "incremental");
        let seed = self.seed();
        copy::copy(&seed, to, &wanted)
            .unwrap_or_else(|error| panic!("{} cannot be copied: {error}", seed.display()));
    }

    /// The target directory of a copy of the fixture that outlives the test run. Other processes of this
    /// test run wait for the one that makes it.
    fn seed(self) -> PathBuf {
        static MADE: Mutex<Vec<Fixture>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let seed = Self {
            name: self.seed,
            ..self
        };
        let directory = seeds().join(format!(
            "{}{}",
            seed.name,
            if seed.release { "-release" } else { "" }
        ));
        if !made.contains(&seed) {
            fs::create_dir_all(&directory).expect("the target directory can be written");
            let lock =
                File::create(directory.join("lock")).expect("the target directory can be written");
            lock.lock().expect("the lock can be had");
            seed.compile(&directory);
            made.push(seed);
        }
        directory.join("target")
    }

    fn compile(self, directory: &Path) {
        let project = directory.join("project");
        self.sources(&project);
        let private = tempfile::Builder::new()
            .prefix("kt-seed-")
            .tempdir_in("/tmp")
            .expect("/tmp can be written");
        let target = directory.join("target");
        let target = target.to_str().expect("the target directory is UTF-8");
        let kt = |arguments: &[&str]| {
            let mut command = command(&project, private.path());
            command
                .arg("kt")
                .args(arguments)
                .output()
                .expect("cargo runs")
        };
        let mut arguments = vec!["build", "--target-dir", target];
        if self.release {
            arguments.push("--release");
        }
        if self == Self::DEMOS {
            arguments.extend(["--example", "hot_reload"]);
        }
        let build = kt(&arguments);
        let text = String::from_utf8_lossy(&build.stderr);
        kt(&["down", "--all"]);
        assert!(
            build.status.success(),
            "the fixture {} does not build:\n{text}",
            self.name
        );
    }
}

/// Copies `examples/` into a workspace of which it is the only member.
fn demos(to: &Path) -> io::Result<()> {
    let whole = fs::read_to_string(checkout().join("Cargo.toml"))?;
    let (head, rest) = whole
        .split_once("members = [")
        .expect("the workspace has members");
    let (_, rest) = rest.split_once(']').expect("the list ends");
    let checkout_path = checkout().display();
    let manifest = format!("{head}members = [\"examples\"]{rest}")
        .replace("path = \"", &format!("path = \"{checkout_path}/"));
    fs::create_dir_all(to)?;
    for (name, text) in [
        ("Cargo.toml", manifest),
        (
            "Cargo.lock",
            fs::read_to_string(checkout().join("Cargo.lock"))?,
        ),
    ] {
        // The lock file is cargo's own from then on.
        if name == "Cargo.toml" && fs::read_to_string(to.join(name)).ok().as_ref() != Some(&text)
            || !to.join(name).exists()
        {
            fs::write(to.join(name), text)?;
        }
    }
    copy::refresh(
        &checkout().join("examples"),
        &to.join("examples"),
        &|_, text| text,
    )
}

/// A cargo command in a project, with its services in `private`.
pub(crate) fn command(project: &Path, private: &Path) -> Command {
    let mut command = Command::new("cargo");
    clean_environment(&mut command);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", cargo_kt().display()));
    command
        .env("KT_RUNTIME_DIR", private.join("run"))
        .env("KT_HOME", private.join("home"));
    command.env_remove("CARGO_TARGET_DIR").current_dir(project);
    command
}

/// Where seeds lie: outside of the checkout, whose `.cargo/config.toml` is no business of a fixture's, and apart from those
/// of other checkouts.
fn seeds() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    checkout().hash(&mut hasher);
    // SAFETY: geteuid has no preconditions.
    let user = unsafe { libc::geteuid() };
    PathBuf::from(format!("/tmp/kt-fixtures-{user}-{:016x}", hasher.finish()))
}
