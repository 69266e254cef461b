//! What a program says in its own source about the service that runs its remote functions.

/// Options of the service that runs this program's remote functions, in the file of its `main`:
///
/// ```
/// #[kt::service]
/// const SERVICE: kt::Service = kt::Service::new()
///     .image("debian:12-slim")
///     .cpu("2")
///     .gpus(1)
///     .env("RUST_LOG", "info")
///     .inactivity_ttl("30m");
/// # fn main() {}
/// ```
///
/// `cargo kt` reads the constant in the source, before anything is compiled, so that a pod can start meanwhile. Hence every
/// argument is a literal, and there is nothing in the value: the program carries none of it, and cannot ask for it.
///
/// Durations are texts such as `"90s"`, `"30m"` or `"1h30m"`; amounts are Kubernetes' quantities, such as `"500m"` CPUs or
/// `"2Gi"` of memory. `cargo kt config` shows every option of a program and where its value comes from; the environment and
/// the command line stand above this constant, `#[kt::service(…)]` on `main` and Cargo.toml below it.
#[derive(Debug, Clone, Copy)]
#[must_use = "cargo kt reads a service only in a constant with the attribute `#[kt::service]`"]
pub struct Service(());

impl Service {
    /// A service of which nothing is said yet.
    #[expect(
        clippy::new_without_default,
        reason = "a default would not be const, and so of no use here"
    )]
    pub const fn new() -> Self {
        Self(())
    }
}

/// The setters: for rustc and for the editor, which check names and types and complete them.
macro_rules! setters {
    ($($(#[$doc:meta])+ $name:ident($($argument:ident: $type:ty),*);)+) => {
        impl Service {
            $(
                $(#[$doc])+
                pub const fn $name(self, $($argument: $type),*) -> Self {
                    $(let _ = $argument;)*
                    self
                }
            )+
        }
    };
}

setters! {
    /// Where the service lives: `"local"` (on this machine; the default) or `"kubernetes"`.
    place(place: &str);
    /// Context of the kubeconfig; its current one if none is said.
    context(name: &str);
    /// Namespace in the cluster; the context's if none is said.
    namespace(name: &str);
    /// Name of the service, a DNS label; the user's and the program's if none is said.
    name(name: &str);
    /// How long the service stays up without a call, such as `"10m"`, the default, or `"2h"`.
    inactivity_ttl(duration: &str);
    /// How long the pod may take to run; `"60s"` if nothing is said.
    launch_timeout(duration: &str);
    /// Largest arguments or result of a call, bytes; 256 MiB if nothing is said.
    body_limit(bytes: u64);
    /// How long a call at [`breakpoint!`](crate::breakpoint!) waits for a debugger; `"10m"` if nothing is said.
    breakpoint_timeout(duration: &str);
    /// Whether what a failed launch made is left, to look at.
    keep(keep: bool);

    /// Image of the pod: any with glibc. `"debian:12-slim"` if none is said.
    image(image: &str);
    /// Version of glibc to link for, `"2.31"`; the image's if none is said.
    glibc(version: &str);
    /// When the image is pulled: `"Always"`, `"IfNotPresent"` or `"Never"`.
    image_pull_policy(policy: &str);
    /// A Secret with credentials for the registry. May be repeated.
    image_pull_secret(name: &str);
    /// Pods of the service; one, for now.
    replicas(number: u32);
    /// CPUs of the pod, request and limit, such as `"500m"` or `"2"`; one if nothing is said.
    cpu(amount: &str);
    /// Memory of the pod, request and limit, such as `"512Mi"`; `"2Gi"` if nothing is said.
    memory(amount: &str);
    /// Disk of the pod, request and limit, such as `"10Gi"`.
    ephemeral_storage(amount: &str);
    /// GPUs of the pod; none if nothing is said.
    gpus(number: u32);
    /// The cluster's name for a GPU; `"nvidia.com/gpu"` if nothing is said.
    gpu_resource(name: &str);

    /// A variable of the pod's environment. May be repeated.
    env(name: &str, value: &str);
    /// A Secret of the cluster whose keys are variables in the pod. May be repeated.
    secret_env(secret: &str);
    /// A Secret of the cluster whose keys are files below `mount`, an absolute path in the pod. May be repeated.
    secret_files(secret: &str, mount: &str);
    /// A PersistentVolumeClaim at `mount`, an absolute path in the pod. May be repeated.
    volume_claim(name: &str, mount: &str, claim: &str);
    /// An empty directory at `mount`, an absolute path in the pod, that lives as long as the pod. It holds no more than
    /// `size`, such as `"1Gi"`; `""` is no limit. May be repeated.
    volume_empty_dir(name: &str, mount: &str, size: &str);
    /// The node's own `path` at `mount`, both absolute. Refused by a namespace under Pod Security `restricted` or `baseline`.
    /// May be repeated.
    volume_host_path(name: &str, mount: &str, path: &str);
    /// The pod's working directory; the image's if none is said.
    working_dir(path: &str);
    /// User and group in the pod, by number; 65532 if nothing is said.
    user(number: u32);
    /// The pod runs as the image's own user, which must be a number other than 0.
    image_user();

    /// A label that the node must have. May be repeated.
    node_selector(name: &str, value: &str);
    /// A taint of nodes that the pod bears, as YAML: `"{key: gpu, operator: Exists}"`. May be repeated.
    toleration(yaml: &str);
    /// Which nodes and pods the pod likes to be near, as YAML in the form of a pod's `affinity`.
    affinity(yaml: &str);
    /// PriorityClass of the pod.
    priority_class(name: &str);
    /// RuntimeClass of the pod.
    runtime_class(name: &str);
    /// ServiceAccount of the pod; one of its own if none is said.
    service_account(name: &str);
    /// A label of the pod. May be repeated.
    label(name: &str, value: &str);
    /// An annotation of the pod. May be repeated.
    annotation(name: &str, value: &str);
    /// Whatever else the pod's template shall have, as YAML that is merged into it. What kt itself needs is refused.
    pod_template(yaml: &str);
}
