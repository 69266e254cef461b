//! The symbols that `cargo kt` finds in an object: their names, and the program's entry point.
//!
//! They are exported only when `cargo kt` builds, which it says with `KT_BUILD`: in any other build (`cargo run`,
//! `cargo test`, production) an expansion adds no symbol to the user's binary. With `KT_BUILD=types` it only wants to see how
//! states lie in memory: nothing else is exported, and so rustc makes code for nothing else.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

/// What an exported symbol stands for; the text after `kt:` in its name.
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
    /// Exists for a state that has the argument `keep`.
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

/// The name of a function or state among all of a program's: `<package>/<bin or empty>:<module path>::<name>`.
pub struct Key {
    crate_part: String,
    name: String,
}

impl Key {
    /// The key of the item `name` in the crate that is being compiled.
    pub fn new(name: &Ident) -> Key {
        // Read when expanding, and so by rustc's own process: an `env!` in the expansion would tie the user's crate
        // to variables that only cargo sets.
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

    /// The attributes that export a static under this key; none outside `cargo kt`'s builds.
    ///
    /// Their span is the expansion's own, which is what lets them pass under the user's `#![forbid(unsafe_code)]`:
    /// rustc does not report that lint in the expansion of another crate's macro, and two exports with one name are
    /// still a hard error.
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

    // The module path is rustc's to say, hence a `concat!` and no string.
    fn concat(&self, prefix: &str) -> TokenStream {
        let start = format!("{prefix}{}", self.crate_part);
        let name = &self.name;
        quote! { ::core::concat!(#start, ::core::module_path!(), #name) }
    }
}

/// Who builds, and what for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Not `cargo kt`.
    Plain,
    /// `cargo kt`, to run what comes of it.
    Program,
    /// `cargo kt`, to look at the types of states: only they are roots, so code is made for nothing else.
    Types,
}

pub fn build() -> Build {
    match env::var_os("KT_BUILD") {
        None => Build::Plain,
        Some(value) if value == "types" => Build::Types,
        Some(_) => Build::Program,
    }
}

/// The program's entry point `kt:main`, once per crate and only when `cargo kt` compiles a program as a library.
///
/// The first expansion in a rustc process gets it; a process compiles one crate.
pub fn main_once() -> Option<TokenStream> {
    static EMITTED: AtomicBool = AtomicBool::new(false);
    if env::var_os("KT_MAIN").is_none() || EMITTED.swap(true, Ordering::Relaxed) {
        return None;
    }
    // Mixed-site, as everything of ours that holds none of the user's tokens.
    Some(quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #[unsafe(export_name = "kt:main")]
            fn __kt_main() -> ::std::process::ExitCode {
                ::std::process::Termination::report(crate::main())
            }
        };
    })
}
