//! A service for one test: a directory, its host, and the requests of `cargo kt` and drivers.

use std::{
    ffi::OsString,
    fs,
    future::Future,
    io::{BufRead, BufReader},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use kt::{
    host::{self, HostOptions},
    wire::{
        client::{self, Client, RequestError},
        control::{Status, SwapRefused, SwapRequest, Swapped, path},
        limits,
        preamble::{self, Purpose, Verdict},
        state::StateOptions,
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader as AsyncReader},
    net::UnixStream,
};

pub use crate::build::{Build, id};

/// Longer than any step takes on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(20);
const ARGUMENTS: &str = "TEST_HOST";

/// Fails the test if `work` does not finish in time.
pub async fn with_timeout<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, work)
        .await
        .expect("timed out")
}

/// The process that [`Service::start`] starts.
pub fn host_main() {
    let arguments = std::env::var_os(ARGUMENTS).expect("started by a test");
    let arguments = arguments
        .as_bytes()
        .split(|&byte| byte == b'\n')
        .map(|argument| OsString::from_vec(argument.to_vec()));
    let code = host::main(HostOptions::parse(arguments).unwrap());
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}

pub struct Service {
    pub root: TempDir,
    pub options: HostOptions,
    host: Child,
    /// The host's first line.
    pub first_line: String,
    // Open until the test ends: the host closes its side.
    _stdout: BufReader<ChildStdout>,
}

impl Service {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut HostOptions)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut options = HostOptions {
            service: "test".into(),
            directory: root.path().join("cache"),
            socket: root.path().join("run/socket"),
            workspace: "/workspace".into(),
            working_directory: root.path().to_owned(),
            inactivity_ttl: Duration::from_secs(60),
            token_file: None,
            body_limit: 1 << 20,
            breakpoint_timeout: kt::wire::limits::BREAKPOINT,
            pod: None,
        };
        change(&mut options);
        let (host, first_line, stdout) = start_host(&options);
        Self {
            root,
            options,
            host,
            first_line,
            _stdout: stdout,
        }
    }

    /// Kills the host with SIGKILL and starts another.
    pub fn crash_and_restart(&mut self) {
        self.kill();
        (self.host, self.first_line, self._stdout) = start_host(&self.options);
    }

    pub fn kill(&mut self) {
        self.host.kill().unwrap();
        self.host.wait().unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.host.id()
    }

    /// A second host for the same service.
    pub fn second_host(&self) -> (Child, String) {
        let (host, first_line, _) = start_host(&self.options);
        (host, first_line)
    }

    /// Waits until the host exits.
    pub async fn ended(&mut self) -> ExitStatus {
        let pid = self.pid();
        let mut host = std::mem::replace(&mut self.host, Command::new("true").spawn().unwrap());
        let waiting = tokio::task::spawn_blocking(move || host.wait().unwrap());
        match tokio::time::timeout(TIMEOUT, waiting).await {
            Ok(status) => status.unwrap(),
            Err(_) => {
                signal(pid, "KILL");
                panic!("the host does not exit");
            }
        }
    }

    pub async fn control(&self) -> Client {
        let stream = self.call_on(Purpose::Control, b"").await.unwrap();
        let (client, connection) = Client::start(stream).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub async fn call_on(&self, purpose: Purpose, token: &[u8]) -> Result<UnixStream, Verdict> {
        let mut stream = UnixStream::connect(&self.options.socket).await.unwrap();
        match with_timeout(preamble::call_on(
            &mut stream,
            purpose,
            token,
            limits::HEARD,
        ))
        .await
        {
            Ok(Verdict::Welcome) => Ok(stream),
            Ok(other) => Err(other),
            Err(error) => panic!("no verdict: {error}"),
        }
    }

    pub async fn driver(&self) -> Driver {
        let stream = self.call_on(Purpose::Data, b"").await.unwrap();
        Driver(AsyncReader::new(stream))
    }

    pub async fn status(&self) -> Status {
        let control = self.control().await;
        with_timeout(control.ask(path::STATUS, &())).await.unwrap()
    }

    /// Uploads the missing objects and swaps.
    pub async fn swap(&self, build: &Build) -> Result<Swapped, SwapRefused> {
        self.swap_with(build, false).await
    }

    pub async fn swap_with(
        &self,
        build: &Build,
        replace_worker: bool,
    ) -> Result<Swapped, SwapRefused> {
        let control = self.control().await;
        for bytes in &build.files {
            let status = upload(&control, &id(bytes).to_string(), bytes.clone()).await;
            assert!(status.unwrap().is_success());
        }
        let request = SwapRequest {
            manifest: build.manifest.clone(),
            replace_worker,
            states: StateOptions::default(),
            at_least: None,
        };
        with_timeout(control.ask(path::SWAP, &request))
            .await
            .unwrap()
    }

    /// Names of the files in a directory of the service.
    pub fn files(&self, directory: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.options.directory.join(directory)) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.host.kill();
        let _ = self.host.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.options.directory.join("host.log"));
            eprintln!("host.log:\n{}", log.unwrap_or_default());
        }
    }
}

fn start_host(options: &HostOptions) -> (Child, String, BufReader<ChildStdout>) {
    let arguments = options.arguments().join("\n".as_ref());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "process", "--nocapture"])
        .env(ARGUMENTS, arguments)
        .env("KT_SECRET", "not for workers")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    host::detach(&mut command);
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // libtest prints lines too.
    let mut first_line = String::new();
    let mut line = String::new();
    while first_line.is_empty() && stdout.read_line(&mut line).unwrap() > 0 {
        if let Some(start) = line.find("kt-host:") {
            first_line = line[start..].trim().to_owned();
        }
        line.clear();
    }
    (child, first_line, stdout)
}

/// A driver's connection to the worker of these tests.
pub struct Driver(AsyncReader<UnixStream>);

impl Driver {
    pub async fn send(&mut self, line: &str) {
        let stream = self.0.get_mut();
        with_timeout(stream.write_all(format!("{line}\n").as_bytes()))
            .await
            .unwrap();
    }

    /// The worker's answer; `None` if the worker exited.
    pub async fn ask(&mut self, line: &str) -> Option<String> {
        self.send(line).await;
        let mut answer = String::new();
        match with_timeout(self.0.read_line(&mut answer)).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim_end().to_owned()),
        }
    }
}

pub async fn upload(
    control: &Client,
    id: &str,
    bytes: Vec<u8>,
) -> Result<StatusCode, RequestError> {
    let request = client::request(Method::PUT, &format!("{}{id}", path::OBJECT));
    let response = with_timeout(control.request(request, Bytes::from(bytes)))
        .await
        .map_err(RequestError::Http)?;
    let status = response.status();
    Client::answer(response).await.map(|_| status)
}

pub fn signal(pid: u32, name: &str) {
    let kill = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(kill.unwrap().success());
}

/// Waits until a condition holds.
pub async fn eventually(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "timed out");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until a process exited, or is a zombie without other threads.
pub async fn exited(pid: u32) {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    let deadline = Instant::now() + TIMEOUT;
    while fs::read_to_string(&stat).is_ok_and(|text| !zombie(&text)) {
        assert!(Instant::now() < deadline, "process {pid} does not exit");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn zombie(stat: &str) -> bool {
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = rest.split(' ').collect();
    // State and number of threads are the third and the 20th field: proc(5).
    fields[0] == "Z" && fields[17] <= "1"
}

pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
