//! The symbols that `cargo kt` finds in an object: their names, and the program's entry point.
//!
//! They are exported only in builds of `cargo kt`, which sets `KT_BUILD`. In any other build
//! (`cargo run`, `cargo test`, production) an expansion adds no symbol to the user's binary.
//! `KT_BUILD=types` is a build that only reads the layout of states: only they are exported, so
//! rustc generates code for nothing else.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

/// What an exported symbol names; the text after `kt:` in its name.
#[derive(Clone, Copy)]
pub enum Kind {
    /// The descriptor of a remote function.
    Function,
    /// The descriptor of a state.
    State,
    /// The initial value of a state.
    Init,
    /// The descriptor of a function that runs at the worker's start.
    Start,
    /// Exists for a state with the argument `keep`.
    Keep,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Kind::Function => "kt:fn:",
            Kind::State => "kt:state:",
            Kind::Init => "kt:init:",
            Kind::Start => "kt:start:",
            Kind::Keep => "kt:keep:",
        }
    }
}

/// The unique name of a function or state in a program:
/// `<package>/<bin or empty>:<module path>::<name>`.
pub struct Key {
    crate_part: String,
    name: String,
}

impl Key {
    /// The key of the item `name` in the crate that is being compiled.
    pub fn new(name: &Ident) -> Key {
        // Read during expansion, by rustc's process: an `env!` in the expansion would make the
        // user's crate depend on variables that only cargo sets.
        let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
        let bin = env::var("CARGO_BIN_NAME").unwrap_or_default();
        Key {
            crate_part: format!("{package}/{bin}:"),
            name: format!("::{}", name.unraw()),
        }
    }

    /// The key as an expression of type `&'static str`.
    pub fn text(&self) -> TokenStream {
        self.concat("")
    }

    /// The attributes that export a static under this key; none outside builds of `cargo kt`.
    ///
    /// They have the expansion's own span, so they pass the user's `#![forbid(unsafe_code)]`: rustc
    /// does not report that lint in the expansion of another crate's macro. Two exports with one
    /// name are still a hard error.
    pub fn export(&self, kind: Kind) -> TokenStream {
        let wanted = match build() {
            Build::Plain => false,
            Build::Program => true,
            Build::Types => matches!(kind, Kind::Init),
        };
        if !wanted {
            return TokenStream::new();
        }
        let name = self.concat(kind.prefix());
        quote! { #[used] #[unsafe(export_name = #name)] }
    }

    // Only rustc knows the module path, hence a `concat!` instead of a string.
    fn concat(&self, prefix: &str) -> TokenStream {
        let start = format!("{prefix}{}", self.crate_part);
        let name = &self.name;
        quote! { ::core::concat!(#start, ::core::module_path!(), #name) }
    }
}

/// Which tool builds, and for which purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Not `cargo kt`.
    Plain,
    /// `cargo kt`, to run the result.
    Program,
    /// `cargo kt`, to read the layout of states. Only they are roots, so rustc generates code for
    /// nothing else.
    Types,
}

pub fn build() -> Build {
    match env::var_os("KT_BUILD") {
        None => Build::Plain,
        Some(value) if value == "types" => Build::Types,
        Some(_) => Build::Program,
    }
}

/// The program's entry point `kt:main`, once per crate and only when `cargo kt` compiles a program
/// as a library.
///
/// The first expansion in a rustc process contains it; a process compiles one crate.
pub fn main_once() -> Option<TokenStream> {
    static EMITTED: AtomicBool = AtomicBool::new(false);
    if env::var_os("KT_MAIN").is_none() || EMITTED.swap(true, Ordering::Relaxed) {
        return None;
    }
    // Mixed-site, as all generated code without tokens of the user.
    Some(quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #[unsafe(export_name = "kt:main")]
            fn __kt_main() -> ::std::process::ExitCode {
                ::std::process::Termination::report(crate::main())
            }
        };
    })
}
