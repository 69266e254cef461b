//! A copy of a fixture, with its own services.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::TempDir;

use crate::{Fixture, Output, Running, Screen, ServiceProcess, fixture, leftovers, slot::Slot};

/// A workspace that a test edits and runs. Dropping it stops its services and fails if any of its
/// processes is left.
pub struct Project {
    private: TempDir,
    root: PathBuf,
    environment: Vec<(String, String)>,
    _slot: Option<Slot>,
}

impl Project {
    /// A fresh copy of the fixture, with compiled dependencies.
    pub fn of(fixture: Fixture) -> Self {
        let slot = Slot::acquire(fixture);
        let mut project = Self::empty();
        for (name, value) in fixture.environment {
            project.environment(name, value);
        }
        project.root = slot.project();
        project._slot = Some(slot);
        project
    }

    /// A fresh copy of the fixture, with nothing compiled.
    pub fn cold(fixture: Fixture) -> Self {
        let project = Self::empty();
        fixture.sources(&project.root);
        project
    }

    /// An empty directory.
    pub fn empty() -> Self {
        // Short, since a socket's path is limited to 108 bytes.
        let private = tempfile::Builder::new()
            .prefix("kt-")
            .tempdir_in("/tmp")
            .expect("/tmp can be written");
        let root = private.path().join("project");
        fs::create_dir(&root).expect("/tmp can be written");
        Self {
            private,
            root,
            environment: Vec::new(),
            _slot: None,
        }
    }

    /// Sets a variable for every later command.
    pub fn environment(&mut self, name: &str, value: impl ToString) {
        self.environment.push((name.to_owned(), value.to_string()));
    }

    /// The root of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory for this test only: `run` (`KT_RUNTIME_DIR`), `home` (`KT_HOME`) and the test's
    /// own files.
    pub fn private(&self) -> &Path {
        self.private.path()
    }

    /// Replaces `from`, which must occur exactly once.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        let found = text.matches(from).count();
        assert_eq!(found, 1, "{file} has {from:?} {found} times:\n{text}");
        self.write(file, &text.replace(from, to));
    }

    #[track_caller]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Writes a file, and creates its parent directories.
    #[track_caller]
    pub fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        let directory = path.parent().expect("a file is in a directory");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, text))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Adds text to the end of a file.
    #[track_caller]
    pub fn append(&self, file: &str, text: &str) {
        self.write(file, &(self.read(file) + text));
    }

    /// Runs `cargo kt …` until it exits.
    #[track_caller]
    pub fn kt<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        self.spawn_kt(arguments).finish()
    }

    /// Runs `cargo kt run` until it exits.
    #[track_caller]
    pub fn run(&self) -> Output {
        self.kt(["run"])
    }

    /// Runs `cargo kt run -- …` until it exits.
    #[track_caller]
    pub fn run_with(&self, command: &str) -> Output {
        self.kt(["run", "--"].into_iter().chain(command.split_whitespace()))
    }

    /// Runs plain `cargo run` until it exits.
    #[track_caller]
    pub fn cargo_run(&self) -> Output {
        let mut command = self.cargo();
        command.arg("run");
        Running::start(command).finish()
    }

    /// Starts `cargo kt …`, with piped input and output.
    #[track_caller]
    pub fn spawn_kt<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Running {
        let mut command = self.cargo();
        command.arg("kt").args(arguments);
        Running::start(command)
    }

    /// Starts `cargo kt …` with a terminal as its stdin and stderr.
    #[track_caller]
    pub fn spawn_kt_on_terminal<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let mut command = self.cargo();
        command.arg("kt").args(arguments);
        Running::start_on_terminal(command)
    }

    /// Starts `cargo kt …` on a terminal of 80 columns and 24 rows.
    #[track_caller]
    pub fn screen<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Screen {
        self.screen_of(80, 24, arguments)
    }

    /// Same as [`screen`](Self::screen), on a terminal of another size.
    #[track_caller]
    pub fn screen_of<'a>(
        &self,
        columns: u16,
        rows: u16,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Screen {
        let mut command = self.cargo();
        command.arg("kt").args(arguments);
        Screen::start(command, columns, rows)
    }

    /// Starts `cargo kt …` with a terminal of `columns` columns as all its standard streams.
    #[track_caller]
    pub fn spawn_kt_on_screen<'a>(
        &self,
        columns: u16,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let mut command = self.cargo();
        command.arg("kt").args(arguments);
        Running::start_on_screen(command, columns)
    }

    /// Runs `cargo …` without kt until it exits.
    #[track_caller]
    pub fn plain_cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        let mut command = self.cargo();
        command.args(arguments);
        Running::start(command).finish()
    }

    /// Runs `cargo kt …` in a mount namespace that a line of shell modified. Its services share the
    /// namespace.
    #[track_caller]
    pub fn kt_with_mounts<'a>(
        &self,
        mounts: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Output {
        let inner = self.cargo();
        let mut command = Command::new("unshare");
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            command.arg("--map-root-user");
        }
        let script = format!("{{ {mounts}; }} || exit 99; exec \"$@\"");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            &script,
            "sh",
        ]);
        command.arg(inner.get_program()).arg("kt").args(arguments);
        command.current_dir(&self.root);
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = Running::start(command).finish();
        assert_ne!(
            output.status.code(),
            Some(99),
            "this test needs to mount file systems (root or user namespaces): {output:?}"
        );
        output
    }

    /// A cargo command in the workspace, without a subcommand yet.
    pub fn cargo(&self) -> Command {
        let mut command = fixture::command(&self.root, self.private());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The entries of `cargo kt ls`.
    #[track_caller]
    pub fn services(&self) -> Vec<serde_json::Value> {
        self.kt(["ls", "--message-format", "json"]).success().json()
    }

    /// Processes of this project with `word` as an argument, regardless of their parent.
    #[track_caller]
    pub fn background_processes(&self, word: &str) -> Vec<ServiceProcess> {
        let all = leftovers::of(self.private()).into_iter();
        let wanted = all.filter(|(_, command)| command.split(' ').any(|part| part == word));
        wanted
            .filter_map(|(pid, _)| u32::try_from(pid).ok())
            .map(ServiceProcess::open)
            .collect()
    }

    /// Host and worker of the only running service.
    #[track_caller]
    pub fn processes(&self) -> (ServiceProcess, ServiceProcess) {
        let services = self.services();
        let [service] = &services[..] else {
            panic!("not one service: {services:?}");
        };
        let open = |pid: &serde_json::Value| {
            let pid = pid.as_u64().and_then(|pid| u32::try_from(pid).ok());
            ServiceProcess::open(pid.unwrap_or_else(|| panic!("no process id in {service}")))
        };
        (open(&service["host_pid"]), open(&service["worker"]["pid"]))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.cargo().args(["kt", "down", "--all"]).output();
        let left = leftovers::end(self.private());
        if !thread::panicking() {
            assert!(left.is_empty(), "processes are left: {left:#?}");
        }
    }
}
