use std::fmt;

/// The number of a consistent set of crate objects in one service; each swap makes the next. The first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(
    any(kt, feature = "host"),
    derive(serde::Serialize, serde::Deserialize)
)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
