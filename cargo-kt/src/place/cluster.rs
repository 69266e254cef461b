//! Which cluster a command uses: plain data, which this executable also needs if it was built
//! without Kubernetes support.

/// The cluster options of the command line.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// A context of the kubeconfig; by default its current one.
    pub context: Option<String>,
    /// By default the context's namespace, or `default`.
    pub namespace: Option<String>,
}

/// A selection resolved with the kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub context: String,
    pub server: String,
    pub namespace: String,
    /// The context's user, for messages.
    pub user: String,
}

impl Identity {
    /// A string that identifies the cluster and its user.
    pub fn key(&self) -> String {
        format!("{}\n{}\n{}", self.context, self.server, self.user)
    }
}
