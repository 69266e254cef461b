//! Programs for an older glibc than this machine's: libraries to link against, a C compiler for
//! build scripts, and a record of what they compiled. They come from zig, which has the
//! symbols and headers of every glibc.
//!
//! It knows zig and files, but neither cargo nor the arguments of the linker.

mod compiled_code;
mod compiler;
mod error;
mod stubs;
mod zig;

pub use compiled_code::CompiledCode;
pub use compiler::{CCompiler, multi_call};
pub use error::GlibcError;
pub use kt::wire::platform::Glibc;
pub use stubs::Stubs;
pub use zig::Zig;
