//! Wrappers around the C library. Besides the state handle and the worker's use of descriptors, the
//! only folder with `unsafe`.

pub mod clock;
pub mod dl;
pub mod fd;
pub mod glibc;
#[cfg(feature = "host")]
pub mod nvml;
#[cfg(feature = "host")]
pub mod process;
#[cfg(feature = "host")]
pub mod ptrace;
#[cfg(test)]
pub mod scratch;
pub mod stdio;
pub mod thread;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod trap;
pub mod unwind;
#[cfg(feature = "host")]
pub mod usage;
pub mod waker;
