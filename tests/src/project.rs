//! A copy of a fixture, with services of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::TempDir;

use crate::{Fixture, Output, Running, Screen, ServiceProcess, fixture, leftovers, slot::Slot};

/// A workspace that a test edits and runs. Its services are ended with it, and no process of it may be left then.
pub struct Project {
    private: TempDir,
    root: PathBuf,
    environment: Vec<(String, String)>,
    _slot: Option<Slot>,
}

impl Project {
    /// A fresh copy of the fixture, its dependencies compiled.
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

    /// A fresh copy of the fixture, nothing compiled.
    pub fn cold(fixture: Fixture) -> Self {
        let project = Self::empty();
        fixture.sources(&project.root);
        project
    }

    /// An empty directory.
    pub fn empty() -> Self {
        // Short, since a socket's path has little room.
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

    /// Where the workspace lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory for what is this test's alone: `run` (`KT_RUNTIME_DIR`), `home` (`KT_HOME`) and what it likes.
    pub fn private(&self) -> &Path {
        self.private.path()
    }

    /// Replaces `from`, which must be there exactly once.
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

    /// Writes a file, with the directories that it needs.
    #[track_caller]
    pub fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        let directory = path.parent().expect("a file lies in a directory");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, text))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Adds text to the end of a file.
    #[track_caller]
    pub fn append(&self, file: &str, text: &str) {
        self.write(file, &(self.read(file) + text));
    }

    /// `cargo kt …` to its end.
    #[track_caller]
    pub fn kt<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        self.spawn_kt(arguments).finish()
    }

    /// `cargo kt run` to its end.
    #[track_caller]
    pub fn run(&self) -> Output {
        self.kt(["run"])
    }

    /// `cargo kt run -- …` to its end.
    #[track_caller]
    pub fn run_with(&self, command: &str) -> Output {
        self.kt(["run", "--"].into_iter().chain(command.split_whitespace()))
    }

    /// `cargo kt …`, which may ask and answer.
    #[track_caller]
    pub fn spawn_kt<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Running {
        let mut command = self.cargo();
        command.arg("kt").args(arguments);
        Running::start(command)
    }

    /// `cargo kt …` with a terminal as its input and error output.
    #[track_caller]
    pub fn spawn_kt_on_terminal<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let mut command = self.cargo();
        command.arg("kt").args(arguments);
        Running::start_on_terminal(command)
    }

    /// `cargo kt …` before a person, on a terminal of 80 columns and 24 rows.
    #[track_caller]
    pub fn screen<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Screen {
        self.screen_of(80, 24, arguments)
    }

    /// As [`screen`](Self::screen), on a terminal of another size.
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

    /// `cargo kt …` that has a terminal of so many columns and nothing else.
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

    /// `cargo …` to its end, for what a developer does besides.
    #[track_caller]
    pub fn plain_cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        let mut command = self.cargo();
        command.args(arguments);
        Running::start(command).finish()
    }

    /// `cargo kt …` where the file systems have been changed by a line of shell, for it and its services alone.
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

    /// What `cargo kt ls` says of each service.
    #[track_caller]
    pub fn services(&self) -> Vec<serde_json::Value> {
        self.kt(["ls", "--message-format", "json"]).success().json()
    }

    /// Processes of this project with `word` as an argument, whoever's children they are.
    #[track_caller]
    pub fn background_processes(&self, word: &str) -> Vec<ServiceProcess> {
        let all = leftovers::of(self.private()).into_iter();
        let wanted = all.filter(|(_, command)| command.split(' ').any(|part| part == word));
        wanted
            .filter_map(|(pid, _)| u32::try_from(pid).ok())
            .map(ServiceProcess::open)
            .collect()
    }

    /// Host and worker of the one service that is up.
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
