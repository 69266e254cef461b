//! Selects the service of a command.

use std::path::Path;

use super::{
    CommandError,
    places::PlaceArgs,
    profile::{ProfileArgs, candidates},
};
use crate::{
    place::{PlaceError, Places, Service, State},
    plan::CargoOptions,
};

/// One service.
#[derive(Debug, clap::Args)]
pub(super) struct ServiceArgs {
    /// Name of the service as shown by `cargo kt ls` [default: the one of this workspace, or the
    /// only one]
    #[arg(value_name = "NAME", conflicts_with = "ProfileArgs")]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    places: PlaceArgs,
}

impl ServiceArgs {
    pub(super) fn places(&self) -> Result<Places, PlaceError> {
        self.places.places()
    }

    /// The place options, for the command line of another `cargo kt`.
    pub(super) fn place_options(&self) -> Vec<String> {
        self.places.to_options()
    }

    /// See [`choose`].
    ///
    /// # Errors
    /// See there.
    pub(super) async fn choose(&self, places: &Places) -> Result<String, CommandError> {
        choose(self.name.as_deref(), &self.profile, places).await
    }
}

/// The name on the command line, the service of the profile, the service of the workspace that
/// contains the current directory, or the only running one: the first of these.
///
/// # Errors
/// If there are several candidates or none, or a place cannot be queried.
pub(super) async fn choose(
    name: Option<&str>,
    profile: &ProfileArgs,
    places: &Places,
) -> Result<String, CommandError> {
    match (name, profile.service(places).await?) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(name)) => Ok(name),
        (None, None) => guess(places).await,
    }
}

async fn guess(places: &Places) -> Result<String, CommandError> {
    let services = places.list(false).await?;
    let of = |service: &Service| match &service.state {
        State::Live(status) => (service.name.clone(), Some(status.workspace.clone())),
        State::Unreachable(_) => (service.name.clone(), None),
    };
    let services: Vec<_> = services.iter().map(of).collect();
    let here = std::env::current_dir().unwrap_or_default();
    pick(&services, &here, |_, services| of_the_program(services))
        .map_err(|names| PlaceError::WhichService { names }.into())
}

/// Picks one of these services, each with its workspace. `program` selects among several of one
/// workspace. An error has the candidates.
fn pick(
    services: &[(String, Option<String>)],
    here: &Path,
    program: impl FnOnce(&str, &[&str]) -> Option<String>,
) -> Result<String, Vec<String>> {
    let workspaces = services.iter().filter_map(|(_, it)| it.as_deref());
    let around = workspaces.filter(|workspace| here.starts_with(workspace));
    // Workspaces may be nested.
    let innermost = around.max_by_key(|workspace| Path::new(workspace).components().count());
    let in_it = |(_, workspace): &&(String, Option<String>)| {
        innermost.is_some() && workspace.as_deref() == innermost
    };
    let own: Vec<&str> = services
        .iter()
        .filter(in_it)
        .map(|(name, _)| &**name)
        .collect();
    let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect();
    match (&own[..], services) {
        ([only], _) => Ok((*only).to_owned()),
        ([], [(only, _)]) => Ok(only.clone()),
        ([], all) => Err(all.iter().map(|(name, _)| name.clone()).collect()),
        (several, _) => innermost
            .and_then(|workspace| program(workspace, several))
            .ok_or_else(|| names(several)),
    }
}

/// The service of the program that `cargo kt run` would run in this directory, if it is one of
/// these.
fn of_the_program(services: &[&str]) -> Option<String> {
    let names = candidates(&CargoOptions::default()).ok()?;
    let mut names = names.into_iter();
    names.find(|name| services.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(all: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let workspace = |path: &str| (!path.is_empty()).then(|| path.to_owned());
        let own = |(name, path): &(&str, &str)| ((*name).to_owned(), workspace(path));
        all.iter().map(own).collect()
    }

    fn no_program(_: &str, _: &[&str]) -> Option<String> {
        None
    }

    #[test]
    fn the_service_of_the_workspace_or_the_only_one_is_picked() {
        let all = services(&[("app", "/src/app"), ("inner", "/src/app/inner"), ("x", "")]);
        let here = |path: &str| pick(&all, Path::new(path), no_program);
        assert_eq!(here("/src/app/src").as_deref(), Ok("app"));
        assert_eq!(here("/src/app/inner").as_deref(), Ok("inner"));
        // Another directory with the same prefix.
        assert_eq!(here("/src/apple").unwrap_err(), ["app", "inner", "x"]);
        let one = services(&[("app", "/src/app")]);
        assert_eq!(pick(&one, Path::new("/"), no_program).as_deref(), Ok("app"));
        assert_eq!(pick(&[], Path::new("/"), no_program), Err(Vec::new()));
    }

    #[test]
    fn of_several_programs_the_one_to_run_here_is_picked() {
        let all = services(&[("one", "/src"), ("two", "/src"), ("other", "/other")]);
        let asked = pick(&all, Path::new("/src/x"), |workspace, names| {
            assert_eq!((workspace, names), ("/src", &["one", "two"][..]));
            Some("two".to_owned())
        });
        assert_eq!(asked.as_deref(), Ok("two"));
        let unknown = pick(&all, Path::new("/src"), no_program);
        assert_eq!(unknown.unwrap_err(), ["one", "two"]);
    }
}
