//! The service's options, as a constant in the program's source.

/// Options of the service that runs this program's remote functions, as a constant in the file of
/// its `main`.
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
/// `cargo kt` reads the constant in the source before anything is compiled, so that a pod can start
/// in the meantime. Therefore every argument is a literal. The value itself is empty: the program
/// contains none of the options and cannot read them.
///
/// Durations are strings such as `"90s"`, `"30m"` or `"1h30m"`. Amounts are Kubernetes quantities,
/// such as `"500m"` CPUs or `"2Gi"` of memory. Environment variables and flags override this
/// constant; it overrides `#[kt::service(…)]` on `main` and Cargo.toml. `cargo kt config` shows
/// every option of a program and where its value is set.
#[derive(Debug, Clone, Copy)]
#[must_use = "cargo kt reads a service only in a constant with the attribute `#[kt::service]`"]
pub struct Service(());

impl Service {
    /// A service with default options.
    #[expect(
        clippy::new_without_default,
        reason = "`Default::default` is not const"
    )]
    pub const fn new() -> Self {
        Self(())
    }
}

/// The setters. rustc and editors use them to check and complete names and types.
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
    /// Where the service runs: `"local"` (this machine, the default) or `"kubernetes"`.
    place(place: &str);
    /// Context of the kubeconfig. Default: its current context.
    context(name: &str);
    /// Namespace in the cluster. Default: the context's.
    namespace(name: &str);
    /// Name of the service, a DNS label. Default: derived from the user, the program, and the
    /// profile unless it is `dev`.
    name(name: &str);
    /// How long the service runs without a call, such as `"2h"`. Default: `"8h"` on this machine,
    /// `"10m"` in a cluster.
    inactivity_ttl(duration: &str);
    /// How long the pod may take to start. Default: `"60s"`.
    launch_timeout(duration: &str);
    /// Largest arguments or result of a call in bytes. Default: 256 MiB.
    body_limit(bytes: u64);
    /// How long a call at [`breakpoint!`](crate::breakpoint!) waits for a debugger. Default:
    /// `"10m"`.
    breakpoint_timeout(duration: &str);
    /// Whether the objects of a failed launch stay, for inspection.
    keep(keep: bool);

    /// Image of the pod: any with glibc. Default: `"debian:12-slim"`.
    image(image: &str);
    /// Version of glibc to link for, such as `"2.31"`. Default: the image's.
    glibc(version: &str);
    /// When to pull the image: `"Always"`, `"IfNotPresent"` or `"Never"`.
    image_pull_policy(policy: &str);
    /// A Secret with credentials for the registry. May be repeated.
    image_pull_secret(name: &str);
    /// Number of pods. Only 1 is supported.
    replicas(number: u32);
    /// CPUs of the pod, request and limit, such as `"500m"` or `"2"`. Default: `"1"`.
    cpu(amount: &str);
    /// Memory of the pod, request and limit, such as `"512Mi"`. Default: `"2Gi"`.
    memory(amount: &str);
    /// Ephemeral storage request and limit of the pod, such as `"10Gi"`.
    ephemeral_storage(amount: &str);
    /// GPUs of the pod. Default: 0.
    gpus(number: u32);
    /// The cluster's resource name for a GPU. Default: `"nvidia.com/gpu"`.
    gpu_resource(name: &str);

    /// An environment variable of the pod. May be repeated.
    env(name: &str, value: &str);
    /// A Secret whose keys become environment variables of the pod. May be repeated.
    secret_env(secret: &str);
    /// A Secret whose keys become files below `mount`, an absolute path in the pod. May be
    /// repeated.
    secret_files(secret: &str, mount: &str);
    /// A PersistentVolumeClaim mounted at `mount`, an absolute path in the pod. May be repeated.
    volume_claim(name: &str, mount: &str, claim: &str);
    /// An empty directory at `mount`, an absolute path in the pod, deleted with the pod. `size`
    /// limits it, such as `"1Gi"`; `""` sets no limit. May be repeated.
    volume_empty_dir(name: &str, mount: &str, size: &str);
    /// The node's `path` mounted at `mount`, both absolute. Namespaces under Pod Security
    /// `restricted` or `baseline` reject it. May be repeated.
    volume_host_path(name: &str, mount: &str, path: &str);
    /// The pod's working directory. Default: the image's.
    working_dir(path: &str);
    /// User and group in the pod, by number. Default: 65532.
    user(number: u32);
    /// Run the pod as the image's own user, which must be a number other than 0.
    image_user();

    /// A required label of the node. May be repeated.
    node_selector(name: &str, value: &str);
    /// A taint that the pod tolerates, as YAML: `"{key: gpu, operator: Exists}"`. May be repeated.
    toleration(yaml: &str);
    /// The pod's `affinity`, as YAML.
    affinity(yaml: &str);
    /// PriorityClass of the pod.
    priority_class(name: &str);
    /// RuntimeClass of the pod.
    runtime_class(name: &str);
    /// ServiceAccount of the pod. Default: one of its own.
    service_account(name: &str);
    /// A label of the pod. May be repeated.
    label(name: &str, value: &str);
    /// An annotation of the pod. May be repeated.
    annotation(name: &str, value: &str);
    /// Other fields of the pod's template, as YAML that is merged into it. Fields that kt sets
    /// itself are refused.
    pod_template(yaml: &str);
}
