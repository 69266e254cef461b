use std::fmt;

use super::room::Nodes;

/// What keeps a pod from running.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// No node takes it, in the scheduler's words.
    Unschedulable {
        words: String,
        /// What they are like, as far as this user may know.
        nodes: Nodes,
    },
    Image {
        image: String,
        words: String,
        why: ImageCause,
    },
    /// A container ended.
    Crashed {
        pod: String,
        /// Ours, or one that has to be up before it.
        container: String,
        end: End,
        /// The kubelet's own message, if it has one.
        words: String,
    },
    /// The container could not be made: a Secret or ConfigMap is missing, or it would run as root.
    Config { words: String },
    /// A volume could not be mounted.
    Mount { words: String },
    /// The runtime could not start our executable.
    Start { words: String },
    /// The cluster did not let the pod be made.
    Refused { why: Refusal, words: String },
    /// The node took the pod's place for something else.
    Evicted { words: String },
    /// The node is gone or does not answer.
    NodeLost { words: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageCause {
    NotFound,
    NotAllowed,
    NoPlatform,
    BadName,
    /// Again and again, and not for a reason that is known to stay.
    Unreachable,
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
    /// A webhook, or whatever else the cluster has.
    Admission,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "with exit code {code}"),
            Self::Signal(number) => write!(f, "by signal {number}"),
            Self::OutOfMemory => f.write_str("because it used more memory than its limit"),
        }
    }
}

/// What has happened, in the cluster's own words.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unschedulable { words, nodes } => {
                write!(f, "no node takes it: {words}")?;
                if !nodes.other_cpus.is_empty() {
                    let cpus = nodes.other_cpus.join(" and ");
                    write!(
                        f,
                        "\nthe nodes that take pods are {cpus}, and it is built for another CPU"
                    )?;
                }
                for room in &nodes.room {
                    write!(f, "\nmost that is free on one node: {room}")?;
                }
                Ok(())
            }
            Self::Image { image, words, why } => match why {
                ImageCause::NotFound => write!(f, "there is no image `{image}`: {words}"),
                ImageCause::NotAllowed => write!(
                    f,
                    "the registry does not give out the image `{image}`: {words}"
                ),
                ImageCause::NoPlatform => write!(
                    f,
                    "the image `{image}` is not made for the node's CPU: {words}"
                ),
                ImageCause::BadName => write!(f, "`{image}` is no name of an image: {words}"),
                ImageCause::Unreachable => {
                    write!(f, "the image `{image}` cannot be pulled: {words}")
                }
            },
            Self::Crashed {
                container,
                end,
                words,
                ..
            } => {
                write!(f, "its container `{container}` ended {end}")?;
                match &**words {
                    "" => Ok(()),
                    words => write!(f, ": {words}"),
                }
            }
            Self::Config { words } => write!(f, "its container cannot be made: {words}"),
            Self::Mount { words } => write!(f, "a volume cannot be mounted: {words}"),
            Self::Start { words } => {
                write!(f, "the container runtime cannot start it: {words}")
            }
            Self::Refused { words, .. } => f.write_str(words),
            Self::Evicted { words } => write!(f, "it was evicted: {words}"),
            Self::NodeLost { words } => write!(f, "its node is lost: {words}"),
        }
    }
}

impl Cause {
    /// What can be done about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unschedulable { nodes, .. } if !nodes.other_cpus.is_empty() => {
                "build for their CPU with `--target`, such as `--target aarch64-unknown-linux-gnu`"
            }
            Self::Unschedulable { words, .. } => make_room(words),
            Self::Image { why, .. } => match why {
                ImageCause::NotFound => "check `--image` for its name and tag",
                ImageCause::NotAllowed => {
                    "name a Secret with credentials by `--image-pull-secrets`, or check the image's name"
                }
                ImageCause::NoPlatform => {
                    "use an image for it, or choose other nodes with `--node-selector`"
                }
                ImageCause::BadName => "it is made of registry/name:tag",
                ImageCause::Unreachable => "can the nodes reach its registry?",
            },
            Self::Crashed {
                end: End::OutOfMemory,
                ..
            } => "give it more with `--memory`",
            Self::Crashed { .. } => {
                "`--keep` leaves the pod as it is, for `kubectl describe` and `kubectl logs`"
            }
            Self::Config { words } => config(words),
            Self::Mount { .. } => "are the Secrets, ConfigMaps and claims that are named there?",
            Self::Start { words } => start(words),
            Self::Refused { why, .. } => refusal(*why),
            Self::Evicted { .. } => {
                "ask for what it needs with `--memory` and `--ephemeral-storage`"
            }
            Self::NodeLost { .. } => "run again; another node will take it",
        }
    }
}

fn make_room(words: &str) -> &'static str {
    match words {
        _ if words.contains("persistentvolumeclaim") || words.contains("PersistentVolume") => {
            "make the claim, or name another one in `--volumes`"
        }
        _ if words.contains("Insufficient nvidia.com/gpu") || words.contains("gpu") => {
            "ask for fewer `--gpus`, or for nodes that have some"
        }
        _ if words.contains("Insufficient") => {
            "ask for less with `--cpu` and `--memory`, end other services (`cargo kt ls --all-users`), or add nodes"
        }
        _ if words.contains("affinity/selector") => {
            "no node has these labels: check `--node-selector`; pods go to nodes of this machine's CPU, unless `--target` says another"
        }
        _ if words.contains("taint") => "let it onto tainted nodes with `--tolerations`",
        _ => "check what the pod asks for with `cargo kt config`",
    }
}

fn config(words: &str) -> &'static str {
    match words {
        _ if words.contains("root") => "choose another user with `--user`, such as `--user 65532`",
        _ if words.contains("secret") => "make the Secret, or leave it out of `--secrets`",
        _ => "`kubectl describe pod` says more",
    }
}

fn start(words: &str) -> &'static str {
    match words {
        _ if words.contains("exec format error") => {
            "the node has another CPU than the first stage is for: build for it with `--target`"
        }
        _ if words.contains("permission denied") => {
            "the cluster does not let files of a ConfigMap volume be executed, and the host gets in that way"
        }
        _ => "`kubectl describe pod` says more",
    }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Quota => {
            "ask for less with `--cpu` and `--memory`, or end other services in the namespace"
        }
        Refusal::LimitRange => {
            "ask for what the namespace's LimitRange allows with `--cpu` and `--memory`"
        }
        Refusal::PodSecurity => {
            "the namespace's Pod Security level refuses an option or a part of `pod_template`: leave it out, or use another namespace"
        }
        Refusal::ServiceAccount => "make the ServiceAccount, or leave `--service-account` out",
        Refusal::PriorityClass => "make the PriorityClass, or leave `--priority-class` out",
        Refusal::RuntimeClass => "make the RuntimeClass, or leave `--runtime-class` out",
        Refusal::Admission => "the cluster's own rules say this: change the option that it names",
    }
}
