//! How the host gets into a pod of any image: a first stage, small enough for a ConfigMap and with no need of the image's
//! files, runs first and takes the host from us over the authenticated connection. `program/` is that stage; the rest is our
//! half: compiling it, preparing the host, and the conversation. Knows a stream and a token, and nothing of clusters.

mod compile;
mod enter;
mod error;
mod facts;
mod image;
mod libraries;
#[cfg(test)]
mod tests;

pub use compile::executable;
pub use enter::{Entered, Uploading, enter};
pub use error::StageError;
pub use facts::Facts;
pub use image::HostImage;
