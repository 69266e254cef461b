#![doc = include_str!("../README.md")]

mod logs;
mod sys;
pub mod wire;

#[cfg(feature = "host")]
pub mod host;
