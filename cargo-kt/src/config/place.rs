//! The place of a service, as `--place` names it.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    Local,
    Kubernetes,
}

impl PlaceKind {
    /// All other words were refused.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "kubernetes" => Self::Kubernetes,
            _ => Self::Local,
        }
    }
}
