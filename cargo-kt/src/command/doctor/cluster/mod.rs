//! Checks the cluster of the kubeconfig, if it has one.

mod kubeconfig;

use std::time::Duration;

pub(super) use kubeconfig::kubeconfig;

use super::check::{Check, Level, Need};
use crate::{
    place::{
        cluster::Selection,
        kubernetes::{
            Cluster,
            access::{AccessError, ServerFacts, identify},
        },
    },
    terminal::text::duration,
};

/// A larger clock skew makes certificates and tokens fail.
const SKEW: Duration = Duration::from_secs(60);
/// The oldest Kubernetes that accepts port-forwards over WebSockets by default: 1.30, KEP-4006.
const OLDEST: (u32, u32) = (1, 30);

pub(super) async fn checks(selection: &Selection) -> Vec<Check> {
    let need = Need::Kubernetes;
    let identity = match identify(selection) {
        Ok(identity) => identity,
        Err(AccessError::NoKubeconfig { .. }) => {
            return vec![Check::ok(
                need,
                "kubeconfig",
                "none (only `--place kubernetes` needs one)",
            )];
        }
        Err(error) => return vec![Check::failed(need, "kubeconfig", &error)],
    };
    let found = format!(
        "context {}, namespace {}",
        identity.context, identity.namespace
    );
    let mut checks = vec![Check::ok(need, "kubeconfig", found)];
    let cluster = match Cluster::open(selection).await {
        Ok(cluster) => cluster,
        Err(error) => {
            checks.push(Check::failed(need, "cluster", &error));
            return checks;
        }
    };
    match cluster.server_facts().await {
        Ok(facts) => {
            checks.push(version(&facts));
            checks.extend(facts.ahead.map(clock));
        }
        Err(error) => {
            checks.push(Check::failed(need, "cluster", &error));
            return checks;
        }
    }
    checks.push(match cluster.check_port_forward().await {
        Ok(()) => Check::ok(need, "rights", "port-forwards to pods are allowed"),
        Err(error) => Check::failed(need, "rights", &error),
    });
    checks.push(match cluster.may_create_roles().await {
        Ok(true) => Check::ok(need, "Deployments", "a service can delete itself"),
        Ok(false) => Check::warning(
            need,
            "Deployments",
            "missing permission to let a service delete itself: services run as Jobs",
            "docs/rbac.yaml has the permissions for Deployments",
        ),
        Err(error) => Check::failed(need, "Deployments", &error),
    });
    checks
}

fn version(facts: &ServerFacts) -> Check {
    let number = |text: &str| -> u32 {
        // Some providers append a `+`.
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    let found = format!("Kubernetes {}", facts.version);
    match (number(&facts.major), number(&facts.minor)) >= OLDEST {
        true => Check::ok(Need::Kubernetes, "cluster", found),
        false => Check::warning(
            Need::Kubernetes,
            "cluster",
            found,
            format!(
                "port-forwards over WebSockets, which kt uses, are on by default since {}.{}",
                OLDEST.0, OLDEST.1
            ),
        ),
    }
}

/// `ahead`: seconds by which the cluster's clock is ahead of this machine's.
fn clock(ahead: i64) -> Check {
    let off = Duration::from_secs(ahead.unsigned_abs());
    let found = match ahead {
        0 => "in sync with the cluster".to_owned(),
        1.. => format!("the cluster is {} ahead of this machine", duration(off)),
        _ => format!("the cluster is {} behind this machine", duration(off)),
    };
    let check = Check::ok(Need::Kubernetes, "clock", found);
    match off <= SKEW {
        true => check,
        false => Check {
            level: Level::Warning,
            help: Some("certificates and tokens may be rejected as expired or not yet valid: enable NTP with `timedatectl set-ntp true`".to_owned()),
            ..check
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_skew_is_a_warning() {
        assert_eq!(clock(-3).level, Level::Ok);
        assert_eq!(clock(3600).level, Level::Warning);
        assert!(
            clock(-3600).found.contains("1h 00m behind"),
            "{}",
            clock(-3600).found
        );
    }

    #[test]
    fn an_old_cluster_is_a_warning() {
        let facts = |minor: &str| ServerFacts {
            version: format!("v1.{minor}.0"),
            major: "1".into(),
            minor: minor.into(),
            ahead: None,
        };
        assert_eq!(version(&facts("35")).level, Level::Ok);
        assert_eq!(version(&facts("30+")).level, Level::Ok);
        assert_eq!(version(&facts("29")).level, Level::Warning);
    }
}
