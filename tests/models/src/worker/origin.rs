//! A stub of the origin of a call.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Driver,
    Background,
}
