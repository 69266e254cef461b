//! What needs the C library: the only folder with `unsafe` beside [`worker`](crate::worker)'s loading of objects.

pub mod fd;
#[cfg(feature = "host")]
pub mod process;
#[cfg(test)]
pub mod scratch;
