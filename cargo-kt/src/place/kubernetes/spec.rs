//! The service that a program wants, and what of it goes into objects.

use std::{path::Path, time::Duration};

use kt::{
    host::{HostOptions, Pod},
    wire::limits,
};

use super::{
    Controller, DATA, KubernetesError, READY_PORT, Selection, TOKEN,
    objects::{self, Identity, Objects},
};
use crate::{config, context::Toolchain, place::service};

/// The service that a program wants.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// As [`service::name`] makes it.
    pub name: String,
    /// Whose it is, for `cargo kt ls`.
    pub user: String,
    /// Root of the program's workspace.
    pub workspace: String,
    pub options: config::Service,
    /// What a service that is up shall have from now on. Nobody's wish is no reason to change what it has.
    pub new_ttl: Option<Duration>,
    /// For the first stage, which is compiled for the pod's CPU.
    pub toolchain: Toolchain,
}

impl ServiceSpec {
    pub(super) fn selection(&self) -> Selection {
        Selection {
            context: self.options.context.clone(),
            namespace: self.options.namespace.clone(),
        }
    }

    /// What tells pods apart that are made of other options.
    pub(super) fn options_hash(&self) -> Result<String, KubernetesError> {
        let nobody = Identity {
            name: "",
            user: "",
            workspace: "",
            controller: Controller::Deployment,
            stage: b"",
            token: "",
            architecture: self.architecture(),
            host_arguments: Vec::new(),
            options: "",
        };
        let objects = objects::render(&self.options, &nobody)?;
        // What the host is told once: it is not in the template, since its name is told with it.
        let limit = self.options.body_limit;
        let mut template = format!("{} {limit}", objects.workload["spec"]["template"]);
        // A service of before the option was there has its default.
        if self.options.breakpoint_timeout != limits::BREAKPOINT {
            template += &format!(" {:?}", self.options.breakpoint_timeout);
        }
        Ok(blake3::hash(template.as_bytes()).to_hex()[..16].to_owned())
    }

    /// What the host is told, behind its `host`.
    fn host_arguments(&self, name: &str, controller: Controller) -> Vec<String> {
        let data = Path::new(DATA);
        let options = HostOptions {
            service: name.to_owned(),
            directory: data.join("service"),
            socket: data.join("run/socket"),
            workspace: self.workspace.clone(),
            // The container's, which the image or the options say.
            working_directory: ".".into(),
            inactivity_ttl: self.options.inactivity_ttl,
            token_file: Some(TOKEN.into()),
            body_limit: self.options.body_limit,
            breakpoint_timeout: self.options.breakpoint_timeout,
            pod: Some(Pod {
                ready_port: Some(READY_PORT),
                ..Pod::default()
            }),
        };
        let mut arguments: Vec<String> = options
            .arguments()
            .into_iter()
            // All of it was text before.
            .filter_map(|argument| argument.into_string().ok())
            .collect();
        if controller == Controller::Deployment {
            arguments.extend(["--release".to_owned(), format!("deployment/{name}")]);
        }
        arguments
    }

    /// That of its nodes, as Kubernetes names it.
    fn architecture(&self) -> &'static str {
        match self.toolchain.target.split('-').next() {
            Some("aarch64") => "arm64",
            _ => "amd64",
        }
    }

    /// Its names: the longer one is taken for as long as that service lives, also once the shorter one is free.
    pub(super) fn names(&self) -> [String; 2] {
        let whose = format!("{}\n{}", self.user, self.workspace);
        let own = service::name_in(&self.name, &whose);
        [own, self.name.clone()]
    }

    /// What it is made of.
    ///
    /// # Errors
    /// If the options make no pod.
    pub(super) fn objects(
        &self,
        name: &str,
        controller: Controller,
        stage: &[u8],
        token: &str,
    ) -> Result<Objects, KubernetesError> {
        let options = self.options_hash()?;
        Ok(objects::render(
            &self.options,
            &Identity {
                name,
                user: &service::label(&self.user),
                workspace: &self.workspace,
                controller,
                stage,
                token,
                architecture: self.architecture(),
                host_arguments: self.host_arguments(name, controller),
                options: &options,
            },
        )?)
    }
}

/// The objects that would be made, with their secrets left out. Asks no cluster, and so shows a Deployment.
///
/// # Errors
/// If the options make none.
pub fn shown(spec: &ServiceSpec) -> Result<Vec<serde_json::Value>, KubernetesError> {
    let objects = spec.objects(&spec.name, Controller::Deployment, b"", "")?;
    Ok(objects.shown())
}
