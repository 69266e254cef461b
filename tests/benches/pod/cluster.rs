//! The namespace of the benchmark's pods, and the commands that use them.

use std::process::Command;

use serde::Serialize;
use tests::cluster::{Namespace, image};

use crate::support::workspace::{Tool, Workspace};

/// How long the cluster may take to delete the namespace: pods stop within their grace period.
const TIMEOUT: &str = "--timeout=90s";

/// The resources of every pod, as requests and as limits.
#[derive(Debug, Clone, Serialize)]
pub struct Resources {
    pub cpu: String,
    pub memory: String,
}

/// A namespace of a real cluster, deleted when dropped, also after a panic.
pub struct Cluster {
    // Dropped in this order: services stop before the namespace is deleted.
    tool: Tool,
    namespace: Namespace,
    resources: Resources,
}

impl Cluster {
    pub fn new(resources: Resources) -> Self {
        // Build first: if that fails, no namespace is created.
        let tool = Tool::build();
        Self {
            tool,
            namespace: Namespace::new(),
            resources,
        }
    }

    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// `cargo kt …` for a workspace whose service runs in the namespace.
    pub fn kt(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        let mut command = self.in_namespace(workspace.cargo(&[&["kt"], arguments].concat()));
        command.env("KT_PLACE", "kubernetes");
        command
    }

    /// `cargo kt …` for a workspace whose service runs on this machine.
    pub fn kt_local(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        self.tool
            .lend(workspace.cargo(&[&["kt"], arguments].concat()))
    }

    /// Plain cargo.
    pub fn cargo(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        self.tool.lend(workspace.cargo(arguments))
    }

    /// `cargo kt …` for the only service.
    pub fn kt_anywhere(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        tests::clean_environment(&mut command);
        command
            .arg("kt")
            .args(arguments)
            .current_dir(std::env::temp_dir());
        let mut command = self.in_namespace(command);
        command.env("KT_PLACE", "kubernetes");
        command
    }

    /// Stops every service, in the namespace and on this machine, and waits until they are removed.
    pub fn down(&self) {
        let output = self.kt_anywhere(&["down", "--all"]).output();
        let output = output.expect("cargo runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }

    /// Deletes everything, and waits until the namespace no longer exists.
    pub fn end(self) {
        self.down();
        let name = self.namespace.name().to_owned();
        drop(self);
        let deleted = ["wait", "--for=delete", TIMEOUT];
        tests::cluster::kubectl(&[&deleted[..], &[&format!("namespace/{name}")]].concat());
    }

    fn in_namespace(&self, command: Command) -> Command {
        let mut command = self.tool.lend(command);
        command
            .env("KT_NAMESPACE", self.namespace.name())
            .env("KT_IMAGE", image::debian())
            .env("KT_CPU", &self.resources.cpu)
            .env("KT_MEMORY", &self.resources.memory);
        command
    }
}
