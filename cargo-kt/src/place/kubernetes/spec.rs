//! The service that a program requires, and the inputs for its objects.

use std::{path::Path, time::Duration};

use kt::{
    host::{HostOptions, Pod},
    wire::limits,
};

use super::{
    Controller, DATA, HOST_DIRECTORY, KubernetesError, READY_PORT, TOKEN,
    launch::CONTAINER,
    objects::{self, Identity, Objects},
    registry::ImageCheck,
};
use crate::{
    config,
    context::Toolchain,
    place::{PlaceError, cluster::Selection, service},
};

/// The service that a program requires.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// A name from [`service::name`].
    pub name: String,
    /// The owner, for `cargo kt ls`.
    pub user: String,
    /// Root of the program's workspace.
    pub workspace: String,
    pub options: config::Service,
    /// A new inactivity timeout for a running service; `None` keeps its current one.
    pub new_ttl: Option<Duration>,
    /// Compiles the first stage for the pod's CPU.
    pub toolchain: Toolchain,
    /// Whether a launch asks the image's registry.
    image_check: bool,
}

impl ServiceSpec {
    /// The service of a program of this user.
    ///
    /// # Errors
    /// Only the function that replaces this one in a build without Kubernetes support fails.
    pub fn new(
        name: String,
        workspace: String,
        options: config::Service,
        new_ttl: Option<Duration>,
        toolchain: Toolchain,
    ) -> Result<Self, PlaceError> {
        Ok(Self {
            name,
            user: service::user(),
            workspace,
            options,
            new_ttl,
            toolchain,
            image_check: true,
        })
    }

    /// A launch does not ask the image's registry.
    pub fn disable_image_check(&mut self) {
        self.image_check = false;
    }

    pub(super) fn selection(&self) -> Selection {
        Selection {
            context: self.options.context.clone(),
            namespace: self.options.namespace.clone(),
        }
    }

    /// A hash of the options that require a new pod when they change.
    pub(super) fn options_hash(&self) -> Result<String, KubernetesError> {
        let no_identity = Identity {
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
        let objects = objects::render(&self.options, &no_identity)?;
        // The host receives this once, as an argument. The template here has no host arguments,
        // because they contain the service name.
        let limit = self.options.body_limit;
        let mut template = format!("{} {limit}", objects.workload["spec"]["template"]);
        // Services from before this option existed have its default.
        if self.options.breakpoint_timeout != limits::BREAKPOINT {
            template += &format!(" {:?}", self.options.breakpoint_timeout);
        }
        Ok(blake3::hash(template.as_bytes()).to_hex()[..16].to_owned())
    }

    /// The host's arguments after `host`.
    fn host_arguments(&self, name: &str, controller: Controller) -> Vec<String> {
        let data = Path::new(DATA);
        let options = HostOptions {
            service: name.to_owned(),
            directory: HOST_DIRECTORY.into(),
            socket: data.join("run/socket"),
            workspace: self.workspace.clone(),
            // The container's working directory, from the image or the options.
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
            // All arguments were UTF-8 strings.
            .filter_map(|argument| argument.into_string().ok())
            .collect();
        if controller == Controller::Deployment {
            arguments.extend(["--release".to_owned(), format!("deployment/{name}")]);
        }
        arguments
    }

    /// The CPU architecture of the nodes, by its Kubernetes name.
    fn architecture(&self) -> &'static str {
        match self.toolchain.target.split('-').next() {
            Some("aarch64") => "arm64",
            _ => "amd64",
        }
    }

    /// Begins to ask the registry of the image that the pod will have, unless this is disabled or the
    /// node never pulls.
    pub(super) fn check_image(&self, objects: &Objects) -> ImageCheck {
        let containers = &objects.workload["spec"]["template"]["spec"]["containers"];
        let mut containers = containers.as_array().into_iter().flatten();
        let ours = containers.find(|it| it["name"] == CONTAINER);
        let image = ours
            .filter(|it| it["imagePullPolicy"] != "Never")
            .and_then(|it| it["image"].as_str());
        match image.filter(|_| self.image_check) {
            Some(image) => ImageCheck::begin(image, self.architecture()),
            None => ImageCheck::none(),
        }
    }

    /// The longer and the shorter name. A service keeps the longer one even after the shorter one
    /// becomes free.
    pub(super) fn names(&self) -> [String; 2] {
        let owner = format!("{}\n{}", self.user, self.workspace);
        let own = service::name_in(&self.name, &owner);
        [own, self.name.clone()]
    }

    /// Renders the service's objects.
    ///
    /// # Errors
    /// If the options do not result in a valid pod.
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

/// The objects that a launch would create, without secrets. Assumes a Deployment, since it does not
/// query the cluster.
///
/// # Errors
/// If the options do not result in a valid pod.
pub fn shown(spec: &ServiceSpec) -> Result<Vec<serde_json::Value>, KubernetesError> {
    let objects = spec.objects(&spec.name, Controller::Deployment, b"", "")?;
    Ok(objects.shown())
}
