//! Toolchains other than an unchanged one of rustup, and programs between cargo and rustc.

mod arguments;
mod distribution;
mod flags;
mod native;
mod selection;
mod settings;
mod unstable;
mod wrappers;
