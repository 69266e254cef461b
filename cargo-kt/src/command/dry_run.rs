//! `cargo kt run --dry-run`: prints the objects that would be created in the cluster.

use std::io::{self, Write};

use super::CommandError;
use crate::{
    config::{Flags, PlaceKind},
    context::CargoContext,
    place::{self, kubernetes},
    plan::{self, CargoOptions},
    session,
};

/// How the objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DryRun {
    Yaml,
    Json,
}

pub(super) fn print(form: DryRun, cargo: &CargoOptions, flags: &Flags) -> Result<(), CommandError> {
    let context = CargoContext::current()?;
    let plan = plan::plan(cargo, &context)?;
    let config = session::config::resolve(flags, &plan, &context)?;
    if config.service.place != PlaceKind::Kubernetes {
        return Err(CommandError::LocalDryRun);
    }
    let place::ServiceSpec::Kubernetes(spec) = session::place_of(&config, &context, &plan)? else {
        return Err(CommandError::LocalDryRun);
    };
    let mut objects = kubernetes::shown(&spec).map_err(place::PlaceError::from)?;
    // A launch has the namespace in its requests.
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
            // The reader closed the pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(|error| failed(error.to_string()))?,
        }
    }
    Ok(())
}
