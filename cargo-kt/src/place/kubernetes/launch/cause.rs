use std::{borrow::Cow, fmt};

use super::{
    capacity::Nodes,
    image::{ImageCause, ImageFacts},
};

/// Why a pod cannot run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// No node can run it.
    Unschedulable {
        message: String,
        /// The nodes, as far as this user can list them.
        nodes: Nodes,
    },
    Image {
        image: String,
        message: String,
        why: ImageCause,
        known: ImageFacts,
    },
    /// A container terminated.
    Crashed {
        pod: String,
        /// kt's container, or an init container.
        container: String,
        end: End,
        /// The kubelet's own message, if it has one.
        message: String,
    },
    /// The container could not be created: a Secret or ConfigMap is missing, or it would run as
    /// root.
    Config { message: String },
    /// A volume could not be mounted.
    Mount { message: String },
    /// The container runtime could not start the executable.
    Start { message: String },
    /// The cluster rejected the pod.
    Refused { why: Refusal, message: String },
    /// The node evicted the pod.
    Evicted { message: String },
    /// The node was removed or does not respond.
    NodeLost { message: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Signal(i32),
    OutOfMemory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Quota,
    LimitRange,
    PodSecurity,
    ServiceAccount,
    PriorityClass,
    RuntimeClass,
    /// A webhook or another admission plugin.
    Admission,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "with exit code {code}"),
            Self::Signal(number) => write!(f, "by signal {number}"),
            Self::OutOfMemory => f.write_str("because it exceeded its memory limit"),
        }
    }
}

/// The cause, with the cluster's own message.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unschedulable { message, nodes } => {
                write!(f, "it is unschedulable: {message}")?;
                if !nodes.other_cpus.is_empty() {
                    let cpus = nodes.other_cpus.join(" and ");
                    write!(
                        f,
                        "\nthe schedulable nodes are {cpus}, but the program is built for another CPU"
                    )?;
                }
                for capacity in &nodes.free {
                    write!(f, "\nlargest free capacity on one node: {capacity}")?;
                }
                Ok(())
            }
            Self::Image {
                image,
                message,
                why,
                known,
            } => {
                match why {
                    ImageCause::NotFound => write!(f, "image `{image}` not found: {message}"),
                    ImageCause::NotAllowed => write!(
                        f,
                        "the registry denied access to image `{image}`: {message}"
                    ),
                    ImageCause::NoPlatform => write!(
                        f,
                        "image `{image}` has no variant for the node's CPU: {message}"
                    ),
                    ImageCause::BadName => write!(f, "invalid image name `{image}`: {message}"),
                    ImageCause::Unreachable => {
                        write!(f, "failed to pull image `{image}`: {message}")
                    }
                }?;
                f.write_str(&known.note(image, *why))
            }
            Self::Crashed {
                container,
                end,
                message,
                ..
            } => {
                write!(f, "container `{container}` terminated {end}")?;
                match &**message {
                    "" => Ok(()),
                    message => write!(f, ": {message}"),
                }
            }
            Self::Config { message } => write!(f, "failed to create its container: {message}"),
            Self::Mount { message } => write!(f, "failed to mount a volume: {message}"),
            Self::Start { message } => {
                write!(f, "the container runtime failed to start it: {message}")
            }
            Self::Refused { message, .. } => f.write_str(message),
            Self::Evicted { message } => write!(f, "it was evicted: {message}"),
            Self::NodeLost { message } => write!(f, "its node was lost: {message}"),
        }
    }
}

impl Cause {
    /// The text of the error's `help:` line.
    pub fn help(&self) -> Cow<'static, str> {
        if let Self::Image {
            image, why, known, ..
        } = self
            && let Some(help) = known.help(image, *why)
        {
            return help.into();
        }
        self.general_help().into()
    }

    fn general_help(&self) -> &'static str {
        match self {
            Self::Unschedulable { nodes, .. } if !nodes.other_cpus.is_empty() => {
                "build for their CPU with `--target`, such as `--target aarch64-unknown-linux-gnu`"
            }
            Self::Unschedulable { message, .. } => unschedulable(message),
            Self::Image { why, .. } => match why {
                ImageCause::NotFound => "check the name and tag in `--image`",
                ImageCause::NotAllowed => {
                    "pass a Secret with credentials as `--image-pull-secrets`, or check the image name"
                }
                ImageCause::NoPlatform => {
                    "use an image for that CPU, or select other nodes with `--node-selector`"
                }
                ImageCause::BadName => "use the form registry/name:tag",
                ImageCause::Unreachable => "check that the nodes can reach the image's registry",
            },
            Self::Crashed {
                end: End::OutOfMemory,
                ..
            } => "raise the limit with `--memory`",
            Self::Crashed { .. } => {
                "re-run with `--keep` to inspect the pod with `kubectl describe` and `kubectl logs`"
            }
            Self::Config { message } => config(message),
            Self::Mount { .. } => "check that the Secrets, ConfigMaps and claims named above exist",
            Self::Start { message } => start(message),
            Self::Refused { why, .. } => refusal(*why),
            Self::Evicted { .. } => {
                "request what the pod needs with `--memory` and `--ephemeral-storage`"
            }
            Self::NodeLost { .. } => "re-run; the scheduler selects another node",
        }
    }
}

fn unschedulable(message: &str) -> &'static str {
    match message {
        _ if message.contains("persistentvolumeclaim") || message.contains("PersistentVolume") => {
            "create the claim, or name another one in `--volumes`"
        }
        _ if message.contains("Insufficient nvidia.com/gpu") || message.contains("gpu") => {
            "request fewer `--gpus`, or add nodes with GPUs"
        }
        _ if message.contains("Insufficient") => {
            "request less with `--cpu` and `--memory`, stop other services (`cargo kt ls --all-users`), or add nodes"
        }
        _ if message.contains("affinity/selector") => {
            "no node has the required labels: check `--node-selector`; pods run on nodes of this machine's CPU unless `--target` selects another"
        }
        _ if message.contains("taint") => "tolerate the taints with `--tolerations`",
        _ => "check the pod's options with `cargo kt config`",
    }
}

fn config(message: &str) -> &'static str {
    match message {
        _ if message.contains("root") => {
            "choose another user with `--user`, such as `--user 65532`"
        }
        _ if message.contains("secret") => "create the Secret, or remove it from `--secrets`",
        _ => "run `kubectl describe pod` for details",
    }
}

fn start(message: &str) -> &'static str {
    match message {
        _ if message.contains("exec format error") => {
            "the program is built for another CPU than the node's: build for it with `--target`"
        }
        _ if message.contains("permission denied") => {
            "the cluster forbids executing files of a ConfigMap volume, which kt needs to start the host"
        }
        _ => "run `kubectl describe pod` for details",
    }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Quota => {
            "request less with `--cpu` and `--memory`, or stop other services in the namespace"
        }
        Refusal::LimitRange => {
            "request what the namespace's LimitRange allows with `--cpu` and `--memory`"
        }
        Refusal::PodSecurity => {
            "the namespace's Pod Security level forbids an option or a part of `pod_template`: remove it, or use another namespace"
        }
        Refusal::ServiceAccount => "create the ServiceAccount, or omit `--service-account`",
        Refusal::PriorityClass => "create the PriorityClass, or omit `--priority-class`",
        Refusal::RuntimeClass => "create the RuntimeClass, or omit `--runtime-class`",
        Refusal::Admission => {
            "a policy of the cluster rejected the pod: change the option that the message names"
        }
    }
}
