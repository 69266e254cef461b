//! Options of the service, declared in a program's source.

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
/// `cargo kt` reads the constant from the source before compiling, so that a pod can start in the
/// meantime. Hence every argument must be a literal, and the value itself is empty: the program
/// does not contain the options and cannot query them.
///
/// Durations are strings such as `"90s"`, `"30m"` or `"1h30m"`; amounts are Kubernetes quantities,
/// such as `"500m"` CPUs or `"2Gi"` of memory. `cargo kt config` shows every option of a program
/// and where its value comes from. The environment and the command line override this constant,
/// which overrides `#[kt::service(…)]` on `main` and Cargo.toml.
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
    /// Where the service runs: `"local"` (on this machine; the default) or `"kubernetes"`.
    place(place: &str);
    /// Context of the kubeconfig; defaults to its current context.
    context(name: &str);
    /// Namespace in the cluster; defaults to that of the context.
    namespace(name: &str);
    /// Name of the service, a DNS label; defaults to the names of the user and the program.
    name(name: &str);
    /// How long the service keeps running without a call, such as `"2h"`; defaults to `"10m"`.
    inactivity_ttl(duration: &str);
    /// Timeout for starting the pod; defaults to `"60s"`.
    launch_timeout(duration: &str);
    /// Size limit of a call's arguments or result, in bytes; defaults to 256 MiB.
    body_limit(bytes: u64);
    /// How long a call at [`breakpoint!`](crate::breakpoint!) waits for a debugger; defaults to
    /// `"10m"`.
    breakpoint_timeout(duration: &str);
    /// Whether to keep the objects of a failed launch for inspection.
    keep(keep: bool);

    /// Image of the pod: any image with glibc. Defaults to `"debian:12-slim"`.
    image(image: &str);
    /// Version of glibc to link for, such as `"2.31"`; defaults to the image's version.
    glibc(version: &str);
    /// When to pull the image: `"Always"`, `"IfNotPresent"` or `"Never"`.
    image_pull_policy(policy: &str);
    /// A Secret with credentials for the registry. May be repeated.
    image_pull_secret(name: &str);
    /// Number of pods of the service; currently always one.
    replicas(number: u32);
    /// CPU request and limit of the pod, such as `"500m"` or `"2"`; defaults to one CPU.
    cpu(amount: &str);
    /// Memory request and limit of the pod, such as `"512Mi"`; defaults to `"2Gi"`.
    memory(amount: &str);
    /// Ephemeral storage request and limit of the pod, such as `"10Gi"`.
    ephemeral_storage(amount: &str);
    /// Number of GPUs of the pod; defaults to none.
    gpus(number: u32);
    /// The cluster's resource name for a GPU; defaults to `"nvidia.com/gpu"`.
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
    /// An empty directory mounted at `mount`, an absolute path in the pod, deleted with the pod.
    /// `size` limits its size, such as `"1Gi"`; `""` means no limit. May be repeated.
    volume_empty_dir(name: &str, mount: &str, size: &str);
    /// The node's `path` mounted at `mount`, both absolute. Namespaces under Pod Security
    /// `restricted` or `baseline` reject it. May be repeated.
    volume_host_path(name: &str, mount: &str, path: &str);
    /// The pod's working directory; defaults to that of the image.
    working_dir(path: &str);
    /// User and group id in the pod; defaults to 65532.
    user(number: u32);
    /// Run the pod as the image's own user, which must be a number other than 0.
    image_user();

    /// A required label of the node. May be repeated.
    node_selector(name: &str, value: &str);
    /// A toleration of a node taint, as YAML: `"{key: gpu, operator: Exists}"`. May be repeated.
    toleration(yaml: &str);
    /// Node and pod affinity, as YAML in the form of a pod's `affinity`.
    affinity(yaml: &str);
    /// PriorityClass of the pod.
    priority_class(name: &str);
    /// RuntimeClass of the pod.
    runtime_class(name: &str);
    /// ServiceAccount of the pod; defaults to one that kt creates.
    service_account(name: &str);
    /// A label of the pod. May be repeated.
    label(name: &str, value: &str);
    /// An annotation of the pod. May be repeated.
    annotation(name: &str, value: &str);
    /// A YAML patch that is merged into the pod template. Fields that kt itself requires are
    /// rejected.
    pod_template(yaml: &str);
}
