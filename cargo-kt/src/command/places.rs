//! Options that select where a command searches for services.

use crate::place::{Dirs, PlaceError, Places, cluster::Selection};

const HEADING: &str = "Place Options";

#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct PlaceArgs {
    /// Also search this place; clusters to which this machine is connected are always searched
    #[arg(long, help_heading = HEADING, value_name = "PLACE", env = "KT_PLACE", value_parser = ["local", "kubernetes"])]
    place: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, help_heading = HEADING, value_name = "NAME", env = "KT_CONTEXT")]
    context: Option<String>,
    /// Namespace in the cluster
    #[arg(long, help_heading = HEADING, value_name = "NAME", env = "KT_NAMESPACE")]
    namespace: Option<String>,
}

impl PlaceArgs {
    /// The selected cluster.
    pub(super) fn selection(&self) -> Selection {
        Selection {
            context: self.context.clone(),
            namespace: self.namespace.clone(),
        }
    }

    /// Converts the options back to arguments, for a command line run by another program.
    pub(super) fn to_options(&self) -> Vec<String> {
        let given = [
            ("--place", &self.place),
            ("--context", &self.context),
            ("--namespace", &self.namespace),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some([name.to_owned(), value.clone()?]))
            .flatten()
            .collect()
    }

    /// # Errors
    /// If there is no directory for sockets.
    pub(super) fn places(&self) -> Result<Places, PlaceError> {
        let is_selected = self.place.as_deref() == Some("kubernetes")
            || self.place.is_none() && (self.context.is_some() || self.namespace.is_some());
        let cluster = is_selected.then(|| self.selection());
        Ok(Places::new(Dirs::current()?, cluster))
    }
}
