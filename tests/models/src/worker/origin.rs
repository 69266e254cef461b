//! Where a call comes from, without what finds it out.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Driver,
    Background,
}
