//! Programs for an older glibc than this machine's: libraries to link against, a C compiler for
//! build scripts, and a cache of the images that need them. They come from zig, which has the
//! symbols and headers of every glibc.
//!
//! It knows zig and files, but neither cargo nor the arguments of the linker.

mod compiler;
mod error;
mod image_cache;
mod stubs;
mod zig;

pub use compiler::{CCompiler, multi_call};
pub use error::GlibcError;
pub use image_cache::ImageGlibcCache;
pub use kt::wire::platform::Glibc;
pub use stubs::Stubs;
pub use zig::Zig;
