//! A user with separate directories for one test.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use cargo_kt::place::{
    self, Connected, Dirs, Environment, Places,
    local::{ServiceSpec, connect_or_start},
};
use kt::host::{self, HostOptions};
use tempfile::TempDir;

const ARGUMENTS: &str = "TEST_HOST";

/// Runs the host that `spec.host` starts.
pub fn host_main() {
    let arguments = std::env::var_os(ARGUMENTS).expect("started by a test");
    let arguments = arguments
        .as_bytes()
        .split(|&byte| byte == b'\n')
        .map(|argument| OsString::from_vec(argument.to_vec()));
    let code = host::main(HostOptions::parse(arguments).unwrap());
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

pub struct User {
    root: TempDir,
    pub dirs: Dirs,
}

impl User {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let environment = Environment {
            kt_runtime_dir: Some(root.path().join("run")),
            kt_home: Some(root.path().join("home")),
            uid: rustix::process::geteuid().as_raw(),
            ..Environment::default()
        };
        let dirs = Dirs::resolve(&environment).unwrap();
        Self { root, dirs }
    }

    pub fn root(&self) -> &std::path::Path {
        self.root.path()
    }

    pub fn spec(&self, name: &str, workspace: &str) -> ServiceSpec {
        let script = format!(
            "IFS='\n'\n{ARGUMENTS}=\"$*\" exec '{}' --ignored --exact process --nocapture",
            std::env::current_exe().unwrap().display()
        );
        ServiceSpec {
            name: name.to_owned(),
            workspace: workspace.to_owned(),
            working_directory: self.root.path().to_owned(),
            inactivity_ttl: None,
            default_ttl: std::time::Duration::from_secs(600),
            body_limit: 1 << 20,
            breakpoint_timeout: std::time::Duration::from_secs(600),
            environment: std::env::vars_os().collect(),
            host: ["/bin/sh", "-c", &script, "sh"]
                .map(OsString::from)
                .to_vec(),
        }
    }

    pub async fn start(&self, name: &str) -> Connected {
        connect_or_start(&self.dirs, &self.spec(name, "/workspace"))
            .await
            .unwrap()
    }

    /// Names of the listed services.
    pub async fn names(&self) -> Vec<String> {
        let services = Places::new(self.dirs.clone(), None)
            .list(false)
            .await
            .unwrap();
        services.into_iter().map(|service| service.name).collect()
    }

    pub async fn down(&self, name: &str) -> Result<(), place::PlaceError> {
        Places::new(self.dirs.clone(), None)
            .down(name, Duration::from_millis(100))
            .await
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // The hosts of a test hold locks in its own directory.
        for folder in fs::read_dir(&self.dirs.runtime)
            .into_iter()
            .flatten()
            .flatten()
        {
            let lock = folder.path().join("lock");
            let pid = fs::read_to_string(&lock).unwrap_or_default();
            if let Ok(pid) = pid.parse()
                && host::holds_open(pid, &lock)
            {
                kill(pid, "KILL");
            }
        }
    }
}

pub fn kill(pid: u32, signal: &str) {
    let kill = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(kill.unwrap().success());
}

/// Waits until a process has exited. A zombie without other threads counts as exited.
pub async fn exited(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let stat = format!("/proc/{pid}/stat");
    while fs::read_to_string(&stat).is_ok_and(|text| !zombie(&text)) {
        assert!(Instant::now() < deadline, "process {pid} did not exit");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn zombie(stat: &str) -> bool {
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = rest.split(' ').collect();
    // State and number of threads, the third and the 20th field: proc(5).
    fields[0] == "Z" && fields[17] <= "1"
}
