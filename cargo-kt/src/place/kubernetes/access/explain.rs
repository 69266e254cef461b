//! Converts errors of the client library to messages with a remedy.

use std::{error::Error, time::Duration};

use kube::{client::AuthError, core::Status};

use super::{AccessError, Cluster, Login};

/// The context of a failed request, for its error message.
pub(super) struct RequestContext<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) verb: &'static str,
    pub(super) object: &'a serde_json::Value,
}

impl RequestContext<'_> {
    pub(super) fn timeout(&self, after: Duration) -> AccessError {
        AccessError::TimedOut {
            server: self.cluster.server.clone(),
            context: self.cluster.context.clone(),
            proxy: self.cluster.proxy.clone(),
            after,
        }
    }

    pub(super) fn explain(&self, error: kube::Error) -> AccessError {
        match &error {
            kube::Error::Api(status) => self.refusal(status),
            kube::Error::Auth(_) => credentials(&error, &self.cluster.user),
            _ => self.broken(&error),
        }
    }

    /// The API server rejected the request.
    fn refusal(&self, status: &Status) -> AccessError {
        let Cluster {
            server,
            context,
            namespace,
            user,
            ..
        } = self.cluster;
        let text = |name: &str| self.object[name].as_str().unwrap_or_default().to_owned();
        let refused = |why: &str| AccessError::Refused {
            verb: self.verb,
            kind: text("kind"),
            name: self.object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            why: why.to_owned(),
        };
        let message = &status.message;
        match status.code {
            401 => AccessError::Unauthorized {
                server: server.clone(),
                context: context.clone(),
                user: user.name.clone(),
            },
            403 | 404 if message.contains("because it is being terminated") => {
                AccessError::Terminating {
                    namespace: namespace.clone(),
                }
            }
            404 if message.starts_with("namespaces ") => AccessError::NoNamespace {
                namespace: namespace.clone(),
                context: context.clone(),
                nearest: None,
            },
            403 => match missing_rule(message) {
                Some((user, verb, resource)) => AccessError::Forbidden {
                    user,
                    verb,
                    resource,
                    namespace: namespace.clone(),
                },
                // Quota, Pod Security, a webhook: their messages are precise.
                None => refused(message),
            },
            _ => match unknown_field(message) {
                Some(field) => AccessError::UnknownField {
                    field,
                    kind: text("kind"),
                },
                None => refused(message),
            },
        }
    }

    /// The API server did not answer.
    fn broken(&self, error: &kube::Error) -> AccessError {
        let causes = causes(error);
        if let Some(auth) = find::<AuthError>(error) {
            return plugin(auth, &self.cluster.user);
        }
        let server = self.cluster.server.clone();
        let certificate = |it: &&String| it.contains("certificate") || it.contains("TLS");
        if let Some(why) = causes.iter().rev().find(certificate) {
            let why = why.clone();
            return AccessError::Tls { server, why };
        }
        AccessError::Unreachable {
            server,
            context: self.cluster.context.clone(),
            proxy: self.cluster.proxy.clone(),
            why: causes.last().cloned().unwrap_or_default(),
        }
    }
}

/// Why a kubeconfig's credentials are invalid.
pub(super) fn credentials(error: &kube::Error, user: &Login) -> AccessError {
    match find::<AuthError>(error) {
        Some(auth) => plugin(auth, user),
        None => AccessError::Credentials {
            user: user.name.clone(),
            why: causes(error).pop().unwrap_or_default(),
        },
    }
}

fn plugin(error: &AuthError, login: &Login) -> AccessError {
    let user = login.name.clone();
    match error {
        AuthError::AuthExecStart(source) => AccessError::PluginMissing {
            command: login.plugin.clone().unwrap_or_default(),
            user,
            why: source.to_string(),
        },
        AuthError::AuthExecRun { cmd, out } => AccessError::Plugin {
            user,
            why: match String::from_utf8_lossy(&out.stderr).trim() {
                "" => format!("`{cmd}` failed with {}", out.status),
                message => message.to_owned(),
            },
        },
        AuthError::AuthExec(why) => AccessError::Plugin {
            user,
            why: why.clone(),
        },
        other => AccessError::Credentials {
            user,
            why: other.to_string(),
        },
    }
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The messages of an error and its sources, innermost last.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    causes
}

/// User, verb and resource of an RBAC denial: `… User "dev" cannot create resource "deployments" in
/// API group "apps" in the namespace "web"`. Source:
/// `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go` of Kubernetes.
fn missing_rule(message: &str) -> Option<(String, String, String)> {
    let quoted = |text: &str, before: &str| {
        let rest = &text[text.find(before)? + before.len()..];
        Some(rest[..rest.find('"')?].to_owned())
    };
    let user = quoted(message, "User \"")?;
    let rest = &message[message.find("\" cannot ")? + "\" cannot ".len()..];
    let verb = rest[..rest.find(' ')?].to_owned();
    let resource = quoted(rest, "resource \"")?;
    let group = quoted(rest, "API group \"").filter(|group| !group.is_empty());
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, sub)) => (resource.to_owned(), format!("/{sub}")),
        None => (resource, String::new()),
    };
    let group = group.map(|group| format!(".{group}")).unwrap_or_default();
    Some((user, verb, format!("{resource}{group}{subresource}")))
}

/// The field of `unknown field "spec.template.spec.foo"`, or of `.spec.foo: field not declared in
/// schema`.
fn unknown_field(message: &str) -> Option<String> {
    if let Some((before, _)) = message.split_once(": field not declared in schema") {
        return before.split_whitespace().next_back().map(str::to_owned);
    }
    let (_, rest) = message.split_once("unknown field \"")?;
    Some(rest.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_rule_is_parsed_from_the_servers_message() {
        let message = "deployments.apps is forbidden: User \"dev\" cannot create resource \"deployments\" in API group \"apps\" in the namespace \"web\"";
        let (user, verb, resource) = missing_rule(message).unwrap();
        assert_eq!(
            (&*user, &*verb, &*resource),
            ("dev", "create", "deployments.apps")
        );
        let message = "pods \"a\" is forbidden: User \"dev\" cannot create resource \"pods/portforward\" in API group \"\" in the namespace \"web\"";
        assert_eq!(missing_rule(message).unwrap().2, "pods/portforward");
        let quota = "pods \"a\" is forbidden: exceeded quota: all, requested: limits.memory=16Gi";
        assert_eq!(missing_rule(quota), None);
    }

    #[test]
    fn unknown_fields_are_parsed_from_the_servers_message() {
        let message = "failed to create typed patch object (web/a; apps/v1, Kind=Deployment): .spec.template.spec.foo: field not declared in schema";
        assert_eq!(
            unknown_field(message).as_deref(),
            Some(".spec.template.spec.foo")
        );
        let message = "strict decoding error: unknown field \"spec.foo\"";
        assert_eq!(unknown_field(message).as_deref(), Some("spec.foo"));
        assert_eq!(unknown_field("the object has been modified"), None);
    }
}
