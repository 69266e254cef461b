//! Replaces `kubernetes` in a build without the feature of that name. Its functions have the same
//! signatures and report one error. `ServiceSpec` and `Release` have no values, so the code of
//! their callers is the same in both builds.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use tokio::sync::oneshot;

use super::{
    Connected, Dirs, LaunchStep, PlaceError, Service,
    cluster::{Identity, Selection},
};
use crate::{config, context::Toolchain};

/// Why a service in a cluster cannot be created, reached or stopped.
#[derive(Debug, thiserror::Error)]
#[error(
    "this cargo-kt was built without Kubernetes support\nhelp: run `cargo install kt-cli` to install it with Kubernetes support"
)]
pub struct KubernetesError;

impl From<KubernetesError> for PlaceError {
    fn from(error: KubernetesError) -> Self {
        Self::Cluster(Box::new(error))
    }
}

/// The service that a program requires.
#[derive(Debug, Clone)]
pub enum ServiceSpec {}

impl ServiceSpec {
    /// # Errors
    /// Always.
    pub fn new(
        _: String,
        _: String,
        _: config::Service,
        _: Option<Duration>,
        _: Toolchain,
    ) -> Result<Self, PlaceError> {
        Err(KubernetesError.into())
    }

    /// Not called, because no value exists.
    pub fn disable_image_check(&mut self) {
        match *self {}
    }
}

/// # Errors
/// Always.
pub fn identify(_: &Selection) -> Result<Identity, KubernetesError> {
    Err(KubernetesError)
}

/// # Errors
/// None: the service does not exist.
pub async fn open(
    _: &Dirs,
    spec: &ServiceSpec,
    _: oneshot::Sender<Option<Connected>>,
    _: &(dyn Fn(LaunchStep) + Send + Sync),
) -> Result<Connected, PlaceError> {
    match *spec {}
}

/// # Errors
/// None: the service does not exist.
pub async fn find(
    _: &Dirs,
    spec: &ServiceSpec,
    _: &(dyn Fn(LaunchStep) + Send + Sync),
) -> Result<Option<Connected>, PlaceError> {
    match *spec {}
}

/// # Errors
/// None: the service does not exist.
pub fn shown(spec: &ServiceSpec) -> Result<Vec<serde_json::Value>, KubernetesError> {
    match *spec {}
}

/// The host's directory in a pod.
pub const HOST_DIRECTORY: &str = "/kt/data/service";
/// This build starts no tunnels.
pub const TUNNEL_LOGS: [&str; 0] = [];

/// This build starts no tunnels, so there are no folders.
pub fn tunnel_folders(_: &Dirs) -> Vec<(String, PathBuf)> {
    Vec::new()
}

/// This build starts no tunnels, so there are none.
pub async fn list_tunneled(_: &Dirs) -> Vec<Service> {
    Vec::new()
}

/// # Errors
/// None: this build starts no tunnels.
pub async fn reach_tunneled(
    _: &Dirs,
    _: Option<&Selection>,
    _: &str,
) -> Result<Option<Connected>, PlaceError> {
    Ok(None)
}

/// # Errors
/// Always.
pub async fn list(_: &Dirs, _: &Selection, _: bool) -> Result<Vec<Service>, PlaceError> {
    Err(KubernetesError.into())
}

/// # Errors
/// Always.
pub async fn reach(_: &Dirs, _: &Selection, _: &str) -> Result<Option<Connected>, PlaceError> {
    Err(KubernetesError.into())
}

/// # Errors
/// Always.
pub async fn image(_: &Selection, _: &str) -> Result<Option<String>, KubernetesError> {
    Err(KubernetesError)
}

/// # Errors
/// Always.
pub async fn down(_: &Dirs, _: &Selection, _: &str, _: Duration) -> Result<bool, PlaceError> {
    Err(KubernetesError.into())
}

/// Never a tunnel.
pub fn multi_call() -> Option<ExitCode> {
    None
}

/// The Deployment that a host in a pod deletes. This build starts no hosts in pods.
#[derive(Debug)]
pub enum Release {}

impl Release {
    /// Returns a host's arguments unchanged.
    ///
    /// # Errors
    /// None.
    pub fn take(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(Option<Self>, Vec<OsString>), String> {
        Ok((None, arguments.into_iter().collect()))
    }

    /// Not called, because no value exists.
    pub fn carry_out(&self) -> ExitCode {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Environment;

    #[tokio::test]
    async fn each_use_of_a_cluster_reports_the_missing_feature() {
        let root = tempfile::tempdir().unwrap();
        let environment = Environment {
            kt_runtime_dir: Some(root.path().join("run")),
            kt_home: Some(root.path().join("home")),
            uid: rustix::process::geteuid().as_raw(),
            ..Environment::default()
        };
        let dirs = Dirs::resolve(&environment).unwrap();
        let selection = Selection::default();
        let grace = Duration::ZERO;
        let errors = [
            list(&dirs, &selection, false).await.err(),
            reach(&dirs, &selection, "app").await.err(),
            down(&dirs, &selection, "app", grace).await.err(),
            image(&selection, "app").await.err().map(PlaceError::from),
            identify(&selection).err().map(PlaceError::from),
        ];
        for error in errors {
            assert_eq!(
                error.unwrap().to_string(),
                "this cargo-kt was built without Kubernetes support\n\
                 help: run `cargo install kt-cli` to install it with Kubernetes support"
            );
        }
    }
}
