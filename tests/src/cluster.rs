//! A namespace of a real cluster for one test, accessed through kubectl as an administrator.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Fixture, Output, Project, redacted_text};

/// The timeout of every step in the cluster. A pod may take its whole grace period to stop.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The images of the suite. Variables give their names in another cluster.
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

    /// A glibc older than the tests' own programs require, and no shell.
    pub fn old_glibc() -> String {
        env::var("KT_TEST_IMAGE_OLDGLIBC").unwrap_or_else(|_| "kt.test/oldglibc:11".to_owned())
    }

    /// No C library, and a static shell.
    pub fn without_glibc() -> String {
        env::var("KT_TEST_IMAGE_NOGLIBC").unwrap_or_else(|_| "kt.test/noglibc:1".to_owned())
    }

    /// musl, and a shell.
    pub fn musl() -> String {
        env::var("KT_TEST_IMAGE_MUSL").unwrap_or_else(|_| "kt.test/musl:1".to_owned())
    }

    /// No file at all.
    pub fn scratch() -> String {
        env::var("KT_TEST_IMAGE_SCRATCH").unwrap_or_else(|_| "kt.test/scratch:1".to_owned())
    }

    /// glibc, and an ENTRYPOINT that exits at once.
    pub fn exits() -> String {
        env::var("KT_TEST_IMAGE_EXITS").unwrap_or_else(|_| "kt.test/exits:12".to_owned())
    }

    /// An image in a registry that the nodes can reach; see `tests/cluster/registry`.
    pub fn in_registry(name: &str) -> String {
        let registry = env::var("KT_TEST_REGISTRY");
        let registry = registry.unwrap_or_else(|_| "127.0.0.1:5000".to_owned());
        format!("{registry}/{name}")
    }
}

/// Read-locked by every test. A test that changes what others see, such as a node's labels, takes
/// the write lock.
static SHARED: RwLock<()> = RwLock::new(());

/// Excludes all other tests from the cluster until dropped.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    SHARED.write().unwrap_or_else(PoisonError::into_inner)
}

/// The administrator's kubeconfig.
pub fn kubeconfig() -> PathBuf {
    env::var_os("KUBECONFIG")
        .map(PathBuf::from)
        .expect("`tests/cluster/cluster env` sets KUBECONFIG")
}

/// The kubeconfig of the user `dev`, which has no permissions until a test grants some.
pub fn dev_kubeconfig() -> PathBuf {
    let given = env::var_os("KT_TEST_KUBECONFIG_DEV").map(PathBuf::from);
    given.unwrap_or_else(|| kubeconfig().with_file_name("kubeconfig-dev"))
}

/// Writes the administrator's kubeconfig, modified by `change`.
#[track_caller]
pub fn kubeconfig_with(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut config = read_kubeconfig(&kubeconfig());
    change(&mut config);
    std::fs::write(path, config.to_string()).expect("it can be written");
}

/// A kubeconfig with the files that it refers to embedded.
#[track_caller]
pub fn read_kubeconfig(path: &Path) -> Value {
    let path = path.display().to_string();
    let view = ["config", "view", "--raw", "--flatten", "--output", "json"];
    let text = kubectl(&[&["--kubeconfig", &path][..], &view].concat());
    serde_json::from_str(&text).expect("kubectl prints JSON")
}

/// A namespace, deleted with its contents when dropped.
pub struct Namespace {
    name: String,
    // Other tests may use the cluster meanwhile, unless this test holds [`alone`].
    _shared: Option<RwLockReadGuard<'static, ()>>,
}

impl Namespace {
    /// Creates a namespace without any policy.
    #[track_caller]
    pub fn new() -> Self {
        let shared = SHARED.read().unwrap_or_else(PoisonError::into_inner);
        let mut namespace = Self::of_one_alone();
        namespace._shared = Some(shared);
        namespace
    }

    /// Same as [`new`](Self::new), for a test that holds [`alone`].
    #[track_caller]
    pub fn of_one_alone() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kt-test-{}-{number}", std::process::id());
        kubectl(&["create", "namespace", &name]);
        Self {
            name,
            _shared: None,
        }
    }

    /// Creates a namespace under Pod Security `restricted`. Its quota makes every container specify
    /// requests and limits.
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

    /// A copy of the fixture whose services run in this namespace, with this image.
    pub fn project(&self, fixture: Fixture, image: &str) -> Project {
        let mut project = Project::of(fixture);
        project.environment("KT_PLACE", "kubernetes");
        project.environment("KT_NAMESPACE", &self.name);
        project.environment("KT_IMAGE", image);
        // The test machine has them, and other tests need pods too.
        project.environment("KT_CPU", "500m");
        project.environment("KT_MEMORY", "1Gi");
        project
    }

    /// Runs `kubectl` in this namespace and returns its output.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let all: Vec<&str> = ["--namespace", &self.name]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        kubectl(&all)
    }

    /// Runs `kubectl get … -o json` and returns the items.
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
        assert!(self.feed(&["apply"], text), "{text}");
    }

    /// Applies the status of an object that no controller updates.
    #[track_caller]
    pub fn apply_status(&self, object: &Value) {
        let how = [
            "apply",
            "--subresource=status",
            "--server-side",
            "--force-conflicts",
        ];
        assert!(self.feed(&how, &object.to_string()), "{object}");
    }

    /// Whether the API server accepts an object.
    #[track_caller]
    pub fn would_apply(&self, object: &Value) -> bool {
        self.feed(&["apply", "--dry-run=server"], &object.to_string())
    }

    /// Runs `kubectl … --filename -` with this text.
    #[track_caller]
    fn feed(&self, arguments: &[&str], text: &str) -> bool {
        let mut command = command();
        command.args(["--namespace", &self.name]).args(arguments);
        let mut child = command
            .args(["--filename", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("kubectl runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(text.as_bytes()).expect("kubectl reads");
        drop(stdin);
        child.wait().expect("it is our child").success()
    }

    /// Grants the user `dev` the permissions in a file of the documentation.
    #[track_caller]
    pub fn grant_dev(&self, file: &str) {
        let path = crate::checkout().join("docs").join(file);
        let role = std::fs::read_to_string(&path).expect(file);
        self.apply_text(&role);
        let binding = ["create", "rolebinding", "dev"];
        self.kubectl(&[&binding[..], &["--role=cargo-kt", "--user=dev"]].concat());
    }

    /// Runs `assert` with a command's stderr from its error on, with variable parts redacted.
    #[track_caller]
    pub fn redacted(&self, project: &Project, output: &Output, assert: impl FnOnce(&str)) {
        let server = server(&kubeconfig());
        let filters = [
            (&*self.name, "[NAMESPACE]"),
            (&*server, "[SERVER]"),
            (
                r"\b(tester-[a-z]+)-[0-9a-z]{8,10}-([bcdf-hj-np-tv-xz0-9]{5})?",
                "$1-[POD]",
            ),
            (r"\b(tester-[a-z]+)-[bcdf-hj-np-tv-xz0-9]{5}\b", "$1-[POD]"),
            (r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "[UID]"),
            // Depends on other pods in the cluster, and on its reason for rejecting an absent node.
            (
                r"cpu [0-9.]+ of [0-9.]+ on \S+",
                "cpu [FREE] of [ALL] on [NODE]",
            ),
            (
                r"(had untolerated taint\(s\)|didn't match Pod's node affinity/selector), 1 node\(s\) were unschedulable",
                "[REASON], 1 node(s) were unschedulable",
            ),
        ];
        redacted_text(project, output.error(), &filters, assert);
    }

    /// The objects in this namespace that `cargo kt` manages, as `kind/name`.
    #[track_caller]
    pub fn managed_objects(&self) -> Vec<String> {
        let kinds = "deployments,jobs,replicasets,pods,secrets,configmaps,services,serviceaccounts,roles,rolebindings";
        let label = "app.kubernetes.io/managed-by=cargo-kt";
        let text = self.kubectl(&["get", kinds, "--selector", label, "--output", "name"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until `seen` returns a value.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = seen() {
                return found;
            }
            let state = || self.kubectl(&["get", "all,events"]);
            assert!(
                begin.elapsed() < TIMEOUT,
                "no {what} in {TIMEOUT:?}\n{}",
                state()
            );
            // Polling, since there is no event for every condition. The interval limits the
            // precision.
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
        // Not waited for: the next test uses another namespace.
        let mut delete = command();
        delete.args(["delete", "namespace", &self.name, "--wait=false"]);
        let _ = delete.output();
    }
}

/// The API server's address in a kubeconfig's current context.
fn server(kubeconfig: &Path) -> String {
    let mut command = command();
    command.arg("--kubeconfig").arg(kubeconfig);
    command.args(["config", "view", "--minify", "--output"]);
    let output = command
        .arg("jsonpath={.clusters[0].cluster.server}")
        .output();
    let output = output.expect("kubectl runs");
    String::from_utf8(output.stdout).expect("kubectl prints text")
}

/// Runs `kubectl` as administrator and returns its output.
#[track_caller]
pub fn kubectl(arguments: &[&str]) -> String {
    let output = command().args(arguments).output();
    let output = output.expect("kubectl runs from PATH or from KUBECTL");
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

/// Compares the stderr of a command in a cluster, from its error on, with a snapshot.
#[macro_export]
macro_rules! assert_error {
    ($name:expr, $namespace:expr, $project:expr, $output:expr) => {
        $namespace.redacted(&$project, &$output, |text| {
            ::insta::assert_snapshot!($name, text)
        })
    };
}
