//! Programs for an older glibc than this machine's: libraries to link against, a C compiler for build scripts, and what is
//! remembered of the images that need it. All of it comes from zig, which knows every glibc's symbols and headers.
//!
//! Knows zig and files. It may not know cargo nor the linker's arguments; *build* and *link* take what it makes.

mod compiler;
mod error;
mod memory;
mod stubs;
mod zig;

pub use compiler::{CCompiler, multi_call};
pub use error::GlibcError;
pub use kt::wire::platform::Glibc;
pub use memory::Memory;
pub use stubs::Stubs;
pub use zig::Zig;
