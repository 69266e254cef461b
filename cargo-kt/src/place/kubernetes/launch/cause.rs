use std::fmt;

/// What keeps a pod from running. Its text ends with what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No node takes it, in the scheduler's words.
    Unschedulable { words: String },
    Image {
        image: String,
        words: String,
        why: ImageCause,
    },
    /// The container ended.
    Crashed {
        pod: String,
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

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unschedulable { words } => {
                write!(f, "no node takes it: {words}\nhelp: {}", room(words))
            }
            Self::Image { image, words, why } => match why {
                ImageCause::NotFound => write!(
                    f,
                    "there is no image `{image}`: {words}\nhelp: check `--image` for its name and tag"
                ),
                ImageCause::NotAllowed => write!(
                    f,
                    "the registry does not give out the image `{image}`: {words}\nhelp: name a Secret with credentials by `--image-pull-secrets`, or check the image's name"
                ),
                ImageCause::NoPlatform => write!(
                    f,
                    "the image `{image}` is not made for the node's CPU: {words}\nhelp: use an image for it, or choose other nodes with `--node-selector`"
                ),
                ImageCause::BadName => write!(
                    f,
                    "`{image}` is no name of an image: {words}\nhelp: it is made of registry/name:tag"
                ),
                ImageCause::Unreachable => write!(
                    f,
                    "the image `{image}` cannot be pulled: {words}\nhelp: can the nodes reach its registry?"
                ),
            },
            Self::Crashed { end, words, .. } => {
                write!(f, "its container ended {end}")?;
                if !words.is_empty() {
                    write!(f, ": {words}")?;
                }
                match end {
                    End::OutOfMemory => f.write_str("\nhelp: give it more with `--memory`"),
                    _ => Ok(()),
                }
            }
            Self::Config { words } => write!(
                f,
                "its container cannot be made: {words}\nhelp: {}",
                config(words)
            ),
            Self::Mount { words } => write!(
                f,
                "a volume cannot be mounted: {words}\nhelp: are the Secrets, ConfigMaps and claims that are named there?"
            ),
            Self::Start { words } => write!(
                f,
                "the container runtime cannot start it: {words}\nhelp: {}",
                start(words)
            ),
            Self::Refused { why, words } => write!(f, "{words}\nhelp: {}", refusal(*why)),
            Self::Evicted { words } => write!(
                f,
                "it was evicted: {words}\nhelp: ask for what it needs with `--memory` and `--ephemeral-storage`"
            ),
            Self::NodeLost { words } => write!(
                f,
                "its node is lost: {words}\nhelp: run again; another node will take it"
            ),
        }
    }
}

fn room(words: &str) -> &'static str {
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
            "the node has another CPU than this machine: choose nodes with `--node-selector kubernetes.io/arch=…`"
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
