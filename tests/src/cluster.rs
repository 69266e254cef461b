//! A namespace of a real cluster for one test, seen as an administrator sees it: through kubectl.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Fixture, Project};

/// How long anything in the cluster may take: a pod that ends with its grace period.
const PATIENCE: Duration = Duration::from_secs(60);

/// The images that the suite runs. Another cluster has them under other names.
pub mod image {
    use std::env;

    /// glibc and a shell.
    pub fn debian() -> String {
        env::var("KT_TEST_IMAGE_DEBIAN").unwrap_or_else(|_| "kt.test/debian:12".to_owned())
    }

    /// glibc and no shell.
    pub fn distroless() -> String {
        env::var("KT_TEST_IMAGE_DISTROLESS").unwrap_or_else(|_| "kt.test/distroless:12".to_owned())
    }

    /// A glibc older than the tests' own programs need, and no shell.
    pub fn old_glibc() -> String {
        env::var("KT_TEST_IMAGE_OLDGLIBC").unwrap_or_else(|_| "kt.test/oldglibc:11".to_owned())
    }

    /// No glibc.
    pub fn without_glibc() -> String {
        env::var("KT_TEST_IMAGE_NOGLIBC").unwrap_or_else(|_| "kt.test/noglibc:1".to_owned())
    }
}

/// A namespace that is deleted with all that is in it when dropped.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one without any policy.
    #[track_caller]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kt-test-{}-{number}", std::process::id());
        kubectl(&["create", "namespace", &name]);
        Self { name }
    }

    /// A new one under Pod Security `restricted`, where every container must say its requests and limits.
    #[track_caller]
    pub fn restricted() -> Self {
        let namespace = Self::new();
        let name = &namespace.name;
        kubectl(&[
            "label",
            "namespace",
            name,
            "pod-security.kubernetes.io/enforce=restricted",
        ]);
        namespace.apply(&serde_json::json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"},
            "spec": {"hard": {
                "requests.cpu": "2", "limits.cpu": "4", "requests.memory": "4Gi", "limits.memory": "8Gi", "pods": "3",
            }},
        }));
        namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A copy of the fixture whose services live here, in this image.
    pub fn project(&self, fixture: Fixture, image: &str) -> Project {
        let mut project = Project::of(fixture);
        project.environment("KT_PLACE", "kubernetes");
        project.environment("KT_NAMESPACE", &self.name);
        project.environment("KT_IMAGE", image);
        // What the machine of the tests has, and little of it: others want pods too.
        project.environment("KT_CPU", "500m");
        project.environment("KT_MEMORY", "1Gi");
        project
    }

    /// `kubectl` in this namespace; its output.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let all: Vec<&str> = ["--namespace", &self.name]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        kubectl(&all)
    }

    /// `kubectl get … -o json`: the items.
    #[track_caller]
    pub fn get(&self, arguments: &[&str]) -> Vec<Value> {
        let all: Vec<&str> = ["get"]
            .into_iter()
            .chain(arguments.iter().copied())
            .chain(["--output", "json"])
            .collect();
        let mut list: Value =
            serde_json::from_str(&self.kubectl(&all)).expect("kubectl prints JSON");
        match list["items"].take() {
            Value::Array(items) => items,
            _ => vec![list],
        }
    }

    /// Applies an object.
    #[track_caller]
    pub fn apply(&self, object: &Value) {
        self.apply_text(&object.to_string());
    }

    /// Applies a file's text.
    #[track_caller]
    pub fn apply_text(&self, text: &str) {
        let mut command = command();
        command.args(["--namespace", &self.name, "apply", "--filename", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("kubectl runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(text.as_bytes()).expect("kubectl reads");
        drop(stdin);
        assert!(child.wait().expect("it is our child").success(), "{text}");
    }

    /// The objects here that are ours, as `kind/name`.
    #[track_caller]
    pub fn ours(&self) -> Vec<String> {
        let kinds = "deployments,jobs,replicasets,pods,secrets,configmaps,services,serviceaccounts,roles,rolebindings";
        let label = "app.kubernetes.io/managed-by=cargo-kt";
        let text = self.kubectl(&["get", kinds, "--selector", label, "--output", "name"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until `seen` gives something.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = seen() {
                return found;
            }
            let state = || self.kubectl(&["get", "all,events"]);
            assert!(
                begin.elapsed() < PATIENCE,
                "no {what} in {PATIENCE:?}\n{}",
                state()
            );
            // The cluster tells nobody; this only sets how fine the time is measured.
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Not waited for: the next test has another one.
        let mut delete = command();
        delete.args(["delete", "namespace", &self.name, "--wait=false"]);
        let _ = delete.output();
    }
}

/// `kubectl` as administrator; its output.
#[track_caller]
pub fn kubectl(arguments: &[&str]) -> String {
    let output = command().args(arguments).output();
    let output = output.expect("kubectl runs: it is in PATH, or KUBECTL says where it is");
    assert!(
        output.status.success(),
        "kubectl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("kubectl prints text")
}

fn command() -> Command {
    Command::new(env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned()))
}
