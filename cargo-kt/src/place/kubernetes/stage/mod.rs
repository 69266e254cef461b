//! Sends the host into a pod of any image. The pod starts the first stage, a program that fits into
//! a ConfigMap and needs no file of the image; it receives the host over the authenticated
//! connection. Its crate is `cargo-kt/first-stage`. This folder is cargo-kt's side: it compiles the
//! first stage, prepares the host, and implements the protocol. It knows a stream and a token, and
//! nothing about clusters.

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
