//! Where the benchmark's pods live, and the commands that use them.

use std::process::Command;

use serde::Serialize;
use tests::cluster::{Namespace, image};

use crate::support::workspace::{Tool, Workspace};

/// How long the cluster may take to forget the namespace: pods end within their grace period.
const PATIENCE: &str = "--timeout=90s";

/// What every pod has, as request and as limit.
#[derive(Debug, Clone, Serialize)]
pub struct Resources {
    pub cpu: String,
    pub memory: String,
}

/// A namespace of a real cluster, deleted when this ends, also by a panic.
pub struct Cluster {
    // Dropped in this order: services end before the namespace does.
    tool: Tool,
    namespace: Namespace,
    resources: Resources,
}

impl Cluster {
    pub fn new(resources: Resources) -> Self {
        // The longer wait first: nothing is made if it does not build.
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

    /// `cargo kt …` for a workspace whose service lives here.
    pub fn kt(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        let mut command = self.here(workspace.cargo(&[&["kt"], arguments].concat()));
        command.env("KT_PLACE", "kubernetes");
        command
    }

    /// `cargo kt …` for a workspace whose service lives on this machine.
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
        let mut command = self.here(command);
        command.env("KT_PLACE", "kubernetes");
        command
    }

    /// Ends every service, here and on this machine, and waits until nothing is left of them.
    pub fn down(&self) {
        let output = self.kt_anywhere(&["down", "--all"]).output();
        let output = output.expect("cargo runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
    }

    /// Ends all of it and waits until the cluster has forgotten it.
    pub fn end(self) {
        self.down();
        let name = self.namespace.name().to_owned();
        drop(self);
        let gone = ["wait", "--for=delete", PATIENCE];
        tests::cluster::kubectl(&[&gone[..], &[&format!("namespace/{name}")]].concat());
    }

    fn here(&self, command: Command) -> Command {
        let mut command = self.tool.lend(command);
        command
            .env("KT_NAMESPACE", self.namespace.name())
            .env("KT_IMAGE", image::debian())
            .env("KT_CPU", &self.resources.cpu)
            .env("KT_MEMORY", &self.resources.memory);
        command
    }
}
