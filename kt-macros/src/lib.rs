//! The attributes of [`kt-runtime`](https://docs.rs/kt-runtime), which re-exports them.
//!
//! Programs depend on `kt-runtime` and write `#[kt::remote]`, `#[kt::state]`, `#[kt::init]` and
//! `#[kt::service]`.
//
// Each attribute is a folder that reads *parse → check → expand*. What both need (the keys of
// descriptors, the entry point of a program compiled as a library) is in `export`. Nothing here
// knows how code is built, shipped or called: an expansion uses the hidden `::kt::__private` alone.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

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

#[doc = include_str!("docs/remote.md")]
#[proc_macro_attribute]
pub fn remote(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with(arguments.into(), item.into(), remote::attribute).into()
}

#[doc = include_str!("docs/init.md")]
#[proc_macro_attribute]
pub fn init(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with(arguments.into(), item.into(), init::attribute).into()
}

#[doc = include_str!("docs/service.md")]
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with_explicit_name(arguments.into(), item.into(), service::attribute).into()
}

#[doc = include_str!("docs/state.md")]
#[proc_macro_attribute]
pub fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    crate_path::with(arguments.into(), item.into(), state::attribute).into()
}
