//! A pod without kt, with the same image and resources.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tests::cluster::image;

use crate::cluster::Cluster;

const NAME: &str = "bare";
/// The port on the pod's loopback interface that the echo listens on.
const PORT: &str = "8080";
/// How long the pod may take to become ready.
const TIMEOUT: &str = "--timeout=60s";

/// An idle pod, deleted when dropped.
pub struct BarePod<'a> {
    cluster: &'a Cluster,
    /// From the start of `kubectl create` to the end of `kubectl wait`, which watches the pod's
    /// condition `Ready`.
    pub ready: Duration,
}

impl<'a> BarePod<'a> {
    pub fn start(cluster: &'a Cluster) -> Self {
        let resources =
            json!({"cpu": cluster.resources().cpu, "memory": cluster.resources().memory});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME},
            "spec": {"containers": [{
                "name": NAME, "image": image::debian(), "imagePullPolicy": "IfNotPresent",
                // Process 1 ignores every signal without a handler.
                "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"],
                "resources": {"requests": resources, "limits": resources},
            }]},
        });
        let file = tempfile::NamedTempFile::new().expect("/tmp can be written");
        std::fs::write(file.path(), pod.to_string()).expect("/tmp can be written");
        let path = file.path().display().to_string();
        let begun = Instant::now();
        let namespace = cluster.namespace();
        // `create` sends fewer requests than `apply`, and fewer still without client-side
        // validation.
        namespace.kubectl(&["create", "--validate=false", "--filename", &path]);
        let mut pod = Self {
            cluster,
            ready: Duration::ZERO,
        };
        namespace.kubectl(&["wait", "--for=condition=Ready", TIMEOUT, "pod/bare"]);
        pod.ready = begun.elapsed();
        pod
    }

    /// Copies a static program into the pod and runs it. The program prints `ready` once it listens
    /// on the given port.
    pub fn run(&self, program: &Path) -> Kubectl {
        let script = format!("cat > /tmp/echo && chmod +x /tmp/echo && exec /tmp/echo {PORT}");
        let stdin = File::open(program).expect("the program was built");
        let arguments = ["exec", "--stdin", NAME, "--", "sh", "-c", &script];
        let (running, line) = Kubectl::start(self.cluster, &arguments, stdin.into());
        assert_eq!(line, "ready", "the echo listens");
        running
    }

    /// Forwards a local port to the echo's.
    pub fn forward(&self) -> (Kubectl, u16) {
        let ports = format!(":{PORT}");
        let arguments = ["port-forward", "--address=127.0.0.1", "pod/bare", &ports];
        let (running, line) = Kubectl::start(self.cluster, &arguments, Stdio::null());
        let port = line
            .strip_prefix("Forwarding from 127.0.0.1:")
            .and_then(|rest| rest.split(' ').next())
            .and_then(|port| port.parse().ok());
        (
            running,
            port.unwrap_or_else(|| panic!("kubectl printed {line:?}")),
        )
    }
}

impl Drop for BarePod<'_> {
    fn drop(&mut self) {
        // Do not hide a panic's message; the namespace is deleted in any case.
        if !std::thread::panicking() {
            self.cluster.namespace().kubectl(&["delete", "pod", NAME]);
        }
    }
}

/// A `kubectl` that runs until dropped.
pub struct Kubectl(Child);

impl Kubectl {
    /// Starts it, and returns the first line of its output.
    fn start(cluster: &Cluster, arguments: &[&str], stdin: Stdio) -> (Self, String) {
        let kubectl = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
        let mut command = Command::new(kubectl);
        command.args(["--namespace", cluster.namespace().name()]);
        let child = command
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut running = Self(child);
        let stdout = running.0.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = lines.next().expect("kubectl prints a line");
        // It prints a line for each connection: keep reading.
        std::thread::spawn(move || lines.for_each(drop));
        (running, line.expect("it is text"))
    }
}

impl Drop for Kubectl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
