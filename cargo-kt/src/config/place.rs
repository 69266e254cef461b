//! The place of a service, as `--place` names it.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    Local,
    Kubernetes,
}

impl PlaceKind {
    /// `check` has rejected all other values.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "kubernetes" => Self::Kubernetes,
            _ => Self::Local,
        }
    }
}
