//! The attributes of `kt-runtime`; users write them as `#[kt::remote]`, `#[kt::state]`, `#[kt::init]` and `#[kt::service]`.
//!
//! Each attribute is a folder that reads *parse → check → expand*. What both need (the keys of descriptors, the entry
//! point of a program compiled as a library) is in [`export`]. Nothing here knows how code is built, shipped or called:
//! an expansion speaks to the hidden `::kt::__private` alone.

use proc_macro::TokenStream;

mod attributes;
mod crate_path;
mod export;
mod function;
mod init;
mod problems;
mod remote;
mod service;
mod state;
mod tokens;

/// Makes a free function callable from here while it runs in the service: its return type `T` becomes `kt::Call<T>`.
///
/// The function keeps its body, plain or `async`. Arguments and result are owned serde types; what cannot cross to
/// another process (generics, borrows, `impl Trait`, `self`) is an error at the exact place that says what to do.
///
/// - Within its own body the function's bare name means the function itself, so recursion stays a plain call.
/// - `#[must_use]` without a message is dropped, since a `kt::Call` is `must_use` already.
/// - It runs in a process of its own, which serves many runs: `std::env::args()` and `current_exe()` are not the program's, and
///   the environment is that of the run that started the service, with the variables that `env` asks for. Plain statics,
///   variables and the working directory that `main` sets are not the worker's. Pass what it needs as arguments.
/// - A renamed dependency on `kt-runtime` is found. Where the crate comes by a re-export only, the attribute says where it is:
///   `#[kt::remote(crate = prelude::kt)]`; so do `#[kt::state]` and `#[kt::service]`.
#[proc_macro_attribute]
pub fn remote(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with(arguments.into(), item.into(), remote::attribute).into()
}

/// Runs a free function without parameters in each worker process, once, before its first call: the place for a `tracing`
/// subscriber, rayon's global pool, `dotenv` and whatever else a process has once.
///
/// ```ignore
/// #[kt::init]
/// fn trace() -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
///     tracing::subscriber::set_global_default(tracing_subscriber::fmt().finish())
/// }
/// ```
///
/// It may be `async`, and returns `()` or a `Result<(), E>` with an `E: Debug`. What it spawns runs on the runtime that calls run
/// on.
///
/// - A crate's function runs after those of its dependencies in the workspace. Within a crate they go by their paths, in
///   alphabetical order. The first that fails or panics ends the start: no call is made, no state is lost, and the next run tries
///   again. All of them and the loading have a minute together.
/// - A worker runs it once. If an edit adds or changes the function, the terminal says that it runs at the worker's next start,
///   which `cargo kt down` brings about. A worker that follows one that died runs it again.
/// - It finds the states that exist then: their initial values, or what was carried over from another worker.
/// - Under plain `cargo run` and `cargo test`, and in the program itself, nothing calls it: there remote functions run in the
///   process of `main`, and `main` sets that process up. It is an ordinary function, which `main` and a test may call.
#[proc_macro_attribute]
pub fn init(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with(arguments.into(), item.into(), init::attribute).into()
}

/// Options of the service that runs this program's remote functions: on its `main`, or on a constant of the type
/// [`kt::Service`](https://docs.rs/kt-runtime/latest/kt/struct.Service.html) beside it.
///
/// ```ignore
/// #[kt::service(image = "debian:12-slim", cpu = "2", env = { RUST_LOG = "info" }, inactivity_ttl = "30m")]
/// #[tokio::main]
/// async fn main() {}
///
/// #[kt::service]
/// const SERVICE: kt::Service = kt::Service::new().image("debian:12-slim").cpu("2");
/// ```
///
/// The item stays as it is: `cargo kt` reads it in the source, before anything is compiled. It reads the file of `main`
/// alone, and so literals alone. `cargo kt config` shows all options and where their values come from. The environment and
/// the command line stand above the constant, the constant above the attribute on `main`, and below both are Cargo.toml's
/// `[package.metadata.kt]` and `[workspace.metadata.kt]`.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with_explicit_name(arguments.into(), item.into(), service::attribute).into()
}

/// Makes a static's value live in the service and survive reloads: its type `T` becomes `kt::State<T>`, which derefs to
/// `T`, so that uses stay as they are.
///
/// `T` must be `Sync`, as for any static: wrap what changes in a `Mutex`, `RwLock`, `OnceLock` or an atomic.
///
/// - `#[kt::state(version = 2)]` migrates the value although its type is the same.
/// - `#[kt::state(migrate = path::to::function)]` makes the new value of the former one.
/// - `#[kt::state(on_reset = path::to::function)]` closes what the former value holds open (connections, threads, ports) when an
///   edit has reset the state. The function gets a reference to the former value, once, when the calls that use it have ended.
/// - `#[kt::state(keep)]` keeps the value although it holds something without a visible type (`dyn Trait`, a pointer to
///   bytes) and a type of the workspace changed. The author vouches that those parts hold nothing of the workspace's types,
///   as in a model or a pool of a third-party crate. If they do, new code may read their memory as another type: undefined
///   behavior. What is visible is compared as ever.
#[proc_macro_attribute]
pub fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with(arguments.into(), item.into(), state::attribute).into()
}
