//! `cargo kt run --dry-run`: what would be made in the cluster, and nothing else.

use std::io::{self, Write};

use super::{CommandError, options, run::ServiceArgs, warm};
use crate::{
    build::BuildError,
    config::PlaceKind,
    place::{self, kubernetes},
    plan::{self, CargoOptions, Surroundings},
};

/// How the objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DryRun {
    Yaml,
    Json,
}

pub(super) fn print(
    form: DryRun,
    cargo: &CargoOptions,
    service: &ServiceArgs,
) -> Result<(), CommandError> {
    let surroundings = Surroundings::current().map_err(BuildError::from)?;
    let plan = plan::plan(cargo, &surroundings).map_err(BuildError::from)?;
    let config = options::resolve(&service.options, &plan, &surroundings)?;
    if config.service.place != PlaceKind::Kubernetes {
        return Err(CommandError::NothingToShow);
    }
    let place::ServiceSpec::Kubernetes(spec) = warm::service(&config, &surroundings, &plan)? else {
        return Err(CommandError::NothingToShow);
    };
    let mut objects = kubernetes::shown(&spec).map_err(place::PlaceError::from)?;
    // At a launch it is the request that says it.
    if let Some(namespace) = &config.service.namespace {
        for object in &mut objects {
            object["metadata"]["namespace"] = namespace.as_str().into();
        }
    }
    let failed = |why: String| CommandError::Io {
        what: "write the objects".into(),
        source: io::Error::other(why),
    };
    let mut out = io::stdout().lock();
    for object in &objects {
        let text = match form {
            DryRun::Yaml => serde_saphyr::to_string(object)
                .map(|text| format!("---\n{}\n", text.trim_end()))
                .map_err(|error| failed(error.to_string()))?,
            DryRun::Json => object.to_string() + "\n",
        };
        match out.write_all(text.as_bytes()) {
            // A reader that has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(|error| failed(error.to_string()))?,
        }
    }
    Ok(())
}
