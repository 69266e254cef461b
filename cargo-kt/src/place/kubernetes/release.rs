//! The exit of a host in a pod whose service has stopped on its own: the host deletes its own
//! Deployment, and with it all objects that the Deployment owns. Knows only the Deployment's name
//! and the rights of the pod's service account.
//!
//! The pod of a Job has no such right and needs none: the host's exit with 0 completes the Job. A
//! host that is stopped by a signal deletes nothing, since the sender of the signal does.
//!
//! If the deletion is refused, Kubernetes would restart the container and its host forever. The
//! first stage alone uses the fewest resources, so the host removes its own executable and exits
//! with 1, and the stage waits for the next `cargo kt run`.

use std::{ffi::OsString, fs, path::PathBuf, process::ExitCode, time::Duration};

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, Config, api::DeleteParams};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

/// The object to delete: `deployment/<name>`.
pub const RELEASE: &str = "--release";
/// Its namespace; by default that of the service account.
pub const NAMESPACE: &str = "--release-namespace";

/// Attempts to delete, and the pause after the first one. Each later pause is twice as long.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);
/// Timeout of a request to the API server.
const ANSWER: Duration = Duration::from_secs(5);
/// Timeout for the cluster to stop this process after its Deployment is deleted. If the process
/// exited earlier, the kubelet would restart it.
const END: Duration = Duration::from_secs(60);

/// The Deployment to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    deployment: String,
    namespace: Option<String>,
}

impl Release {
    /// Splits its own arguments from a host's.
    ///
    /// # Errors
    /// A message if a value is missing or names another kind of object.
    pub fn take(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(Option<Self>, Vec<OsString>), String> {
        let (mut deployment, mut namespace, mut rest) = (None, None, Vec::new());
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let name = match argument.to_str() {
                Some(name @ (RELEASE | NAMESPACE)) => name,
                _ => {
                    rest.push(argument);
                    continue;
                }
            };
            let value = arguments.next().and_then(|value| value.into_string().ok());
            let value = value.ok_or_else(|| format!("{name} requires a value"))?;
            if name == NAMESPACE {
                namespace = Some(value);
                continue;
            }
            let named = value.strip_prefix("deployment/").map(str::to_owned);
            let named = named
                .ok_or_else(|| format!("{name} requires `deployment/<name>`, not `{value}`"))?;
            deployment = Some(named);
        }
        let release = deployment.map(|deployment| Self {
            deployment,
            namespace,
        });
        Ok((release, rest))
    }

    /// Deletes the Deployment and waits for SIGTERM. If the deletion fails, removes the host's
    /// executable.
    pub fn carry_out(&self) -> ExitCode {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let done = match runtime {
            Ok(runtime) => runtime.block_on(self.delete_and_wait()),
            Err(error) => Err(error.to_string()),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!(
                    "kt: the service has stopped, but its Deployment {} could not be deleted: {why}; delete it with `cargo kt down`",
                    self.deployment
                );
                // The first stage passes the host's path as argv[0]. `/proc/self/exe` may be a
                // dynamic linker that was uploaded with the host.
                if let Some(host) = std::env::args_os().next().map(PathBuf::from) {
                    for file in [host.with_extension("id"), host] {
                        let _ = fs::remove_file(file);
                    }
                }
                ExitCode::FAILURE
            }
        }
    }

    async fn delete_and_wait(&self) -> Result<(), String> {
        // Register before the deletion, which causes the signal.
        let mut ended = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        self.delete().await?;
        let _ = timeout(END, ended.recv()).await;
        Ok(())
    }

    async fn delete(&self) -> Result<(), String> {
        let config = Config::incluster().map_err(|error| error.to_string())?;
        let namespace = self.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        let deployments: Api<Deployment> = Api::namespaced(client, &namespace);
        // Deletes the owner immediately, and then its dependents, including this pod.
        let how = DeleteParams::background();
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let deleting = deployments.delete(&self.deployment, &how);
            let why = match timeout(ANSWER, deleting).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(()),
                Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => {
                    return Err(status.message.clone());
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!(
                    "the API server did not answer within {} s",
                    ANSWER.as_secs()
                ),
            };
            if attempt == ATTEMPTS {
                return Err(why);
            }
            attempt += 1;
            sleep(pause).await;
            pause *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<(Option<Release>, Vec<OsString>), String> {
        Release::take(text.split_whitespace().map(OsString::from))
    }

    #[test]
    fn its_arguments_are_split_from_the_hosts() {
        let (release, rest) =
            take("--service a --release deployment/alice-app --pod --release-namespace team")
                .unwrap();
        let expected = Release {
            deployment: "alice-app".into(),
            namespace: Some("team".into()),
        };
        assert_eq!(release, Some(expected));
        assert_eq!(rest, ["--service", "a", "--pod"]);
        assert_eq!(take("--pod").unwrap(), (None, vec!["--pod".into()]));
    }

    #[test]
    fn other_kinds_and_missing_values_are_rejected() {
        assert_eq!(take("--release").unwrap_err(), "--release requires a value");
        let error = take("--release job/alice-app").unwrap_err();
        assert!(error.contains("not `job/alice-app`"), "{error}");
    }
}
