//! What a host in a pod does when its service has ended by itself: it deletes the Deployment that it runs in, and with it all
//! that the Deployment owns. Knows one object's name and the rights of the pod's service account.
//!
//! A pod of a Job has no such right and needs none: its clean exit is the end. A host that a signal ends deletes nothing, since
//! somebody else is about to.
//!
//! If the deletion is refused, the container would be started again for ever, and its host with it. What takes least then is
//! the first stage alone: the host removes itself and exits with 1, and the stage waits for the next `cargo kt run`.

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
/// Its namespace; without it that of the service account.
pub const NAMESPACE: &str = "--release-namespace";

/// How often the deletion is tried, and the pause after the first time; each later one is twice as long.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);
/// How long the API server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the cluster may take to end this process once its Deployment is gone. Exiting before would start it again.
const END: Duration = Duration::from_secs(60);

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    deployment: String,
    namespace: Option<String>,
}

impl Release {
    /// Takes its own arguments out of a host's.
    ///
    /// # Errors
    /// If a value is missing or names another kind of object; in words.
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
            let value = value.ok_or_else(|| format!("{name} needs a value"))?;
            if name == NAMESPACE {
                namespace = Some(value);
                continue;
            }
            let named = value.strip_prefix("deployment/").map(str::to_owned);
            let named =
                named.ok_or_else(|| format!("{name} needs `deployment/<name>`, not `{value}`"))?;
            deployment = Some(named);
        }
        let release = deployment.map(|deployment| Self {
            deployment,
            namespace,
        });
        Ok((release, rest))
    }

    /// Deletes it and waits for this process's end, or leaves as little as can be.
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
                    "kt: the service has ended, and its Deployment {} could not be deleted: {why}; `cargo kt down` deletes it",
                    self.deployment
                );
                // The first stage names it so. This process's executable may be a dynamic linker that the host brought along.
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
        // Before the deletion: the signal that follows from it must not be missed.
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
        // The owner goes at once, and what it owns after it, this pod included.
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
    fn its_arguments_are_taken_out_of_a_hosts() {
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
    fn other_kinds_and_missing_values_are_refused() {
        assert_eq!(take("--release").unwrap_err(), "--release needs a value");
        let error = take("--release job/alice-app").unwrap_err();
        assert!(error.contains("not `job/alice-app`"), "{error}");
    }
}
