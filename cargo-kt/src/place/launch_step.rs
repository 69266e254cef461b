/// A step of a launch in a cluster, for progress output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchStep {
    /// The service does not exist: its launch begins.
    Began { service: String, place: String },
    /// Its objects exist; their number.
    Created { objects: usize },
    /// The workload creates its pod from now on. The tunnel watches it and survives this process.
    Unpaused,
    /// The pod has a node.
    Scheduled { node: String },
    /// The node pulls the image. What it pulls without a layer of it, in bytes.
    Pulling { size: u64 },
    /// The node has the image. The kubelet's message: pulled from the registry, or already present.
    /// The size is known if the registry has answered.
    Pulled { message: String, size: Option<u64> },
    /// The pod runs an image that is for other platforms only.
    ForeignImage {
        image: String,
        platforms: String,
        pod: String,
    },
    /// The container runs.
    Started { pod: String },
    /// The tunnel is connected to the pod.
    Connected { pod: String },
    /// The progress of the host's upload in bytes.
    Uploading { sent: u64, total: u64 },
    /// The host runs. `uploaded` is 0 if the pod already had it.
    Entered { uploaded: u64 },
    /// The host answers.
    Ready,
    /// The launch failed: its result is the error.
    Failed,
}

impl LaunchStep {
    /// Whether the launch continues without this process from now on.
    pub(super) fn is_handed_over(&self) -> bool {
        matches!(self, Self::Unpaused | Self::Ready)
    }
}
