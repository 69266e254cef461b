//! Writes the handle that the user's code dereferences, around the initial value and the
//! descriptor.
//!
//! ```text
//! static CACHE: ::kt::State<Mutex<u8>> = {
//!     static __KT_INIT: __KtInit<Mutex<u8>> = __KtInit { value: Mutex::new(0) };
//!     const _: () = {                          // hidden from the user's type and initializer
//!         enum __KtHere {} …                   // trait impls for types of the user's dependencies
//!         static __KT_STATE: ::kt::__private::StateDescriptor = …;
//!     };
//!     ::kt::State::new(&__KT_INIT.value)
//! };
//! ```

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, Type};

use super::arguments::Arguments;
use super::foreign;
use super::parse::State;
use crate::attributes;
use crate::export::{self, Build, Key, Kind};

/// Expands a static that passed every check.
pub fn state(state: &State, arguments: &Arguments) -> TokenStream {
    let State {
        attributes,
        name,
        ty,
        init,
        ..
    } = state;
    // A `cfg` below may still remove the state, but must not remove the program's entry point.
    let configured = attributes
        .iter()
        .any(|attribute| attributes::configures(&attribute.meta));
    let (main_inside, main_beside) = if configured {
        (None, export::main_once())
    } else {
        (export::main_once(), None)
    };
    let key = Key::new(name);
    let exported = key.export(Kind::State);
    let marker = key.export(Kind::Keep);
    let key = key.text();
    let type_text = crate::tokens::text(ty.to_token_stream());
    let init_hash = crate::tokens::hash(init.clone());
    let version = arguments
        .version
        .as_ref()
        .map(|version| quote! { .version(#version) });
    let migrate = arguments.migrate.as_ref().map(|migrate| {
        quote_spanned! {Span::mixed_site()=>
            .migrate(|from| ::__kt__::__private::migrate::<_, _, #ty>(from, #migrate))
        }
    });
    let on_reset = arguments.on_reset.as_ref().map(|hook| {
        quote_spanned! {Span::mixed_site()=>
            .on_reset(|value| ::__kt__::__private::reset::<#ty, _>(value, #hook))
        }
    });
    // `cargo kt` compares the layout and the worker reports the state: both need its key.
    let keep = arguments.keep.then(|| quote! { .keep() });
    let marker = arguments
        .keep
        .then(|| quote_spanned! {Span::mixed_site()=> #marker static __KT_KEEP: u8 = 0; });
    let named = arguments.migrate.iter().chain(&arguments.on_reset);
    let used = named.map(|function| {
        // Called only from outside the program, and not in every build: rustc would report it as
        // dead code.
        quote_spanned! {Span::mixed_site()=> const _: () = { let _ = #function; }; }
    });
    let used: TokenStream = used.collect();
    // Other builds do not use the descriptor, and their kt-runtime may not have its type.
    let descriptor = (export::build() == Build::Program).then(|| {
        let foreign = foreign::implementations();
        quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #main_inside
            #foreign
            #marker
            #exported
            static __KT_STATE: ::__kt__::__private::StateDescriptor = ::__kt__::__private::StateDescriptor::new(
                #key, &#name, &__KT_INIT.value, #type_text, #init_hash, ::core::file!(), ::core::line!(),
                // Method resolution finds the first of these traits that the type implements.
                || {
                    use ::__kt__::__private::{
                        SpecializeAnyCell as _, SpecializeAny as _, SpecializeCell as _, SpecializeCellInCell as _, SpecializeEntries as _,
                        SpecializeEntriesInCell as _, SpecializeEntriesInTwoCells as _, SpecializeDebug as _, SpecializeDebugCell as _,
                        SpecializeThreeCells as _, SpecializeValue as _,
                    };
                    (&&&&&&&&&&&::__kt__::__private::Probe::<#ty, __KtHere>::new()).vtable()
                },
            )#version #migrate #on_reset #keep;
        };
        }
    });
    let handle = handle(state, descriptor);
    quote! { #main_beside #used #handle }
}

/// Writes a rejected static: its errors, and a handle of the type that its uses expect.
pub fn refused(state: &State, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    let handle = handle(state, None);
    quote! { #error #handle }
}

fn handle(state: &State, descriptor: Option<TokenStream>) -> TokenStream {
    let State {
        attributes,
        visibility,
        static_token,
        name,
        ty,
        init,
        ..
    } = state;
    let handle_type = handle_type(ty);
    let exported = Key::new(name).export(Kind::Init);
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #visibility #static_token #name: #handle_type = {
            #[repr(transparent)]
            struct __KtInit<T> {
                value: T,
            }
            // SAFETY: only the handle's initializer below uses it. The handle is a static, so rustc
            // accepts it only if the value is `Sync`. Without this impl rustc would report a value
            // that is not `Sync` twice.
            unsafe impl<T> ::core::marker::Sync for __KtInit<T> {}
            #exported
            static __KT_INIT: __KtInit<#ty> = __KtInit { value: #init };
            #descriptor
            ::__kt__::State::new(&__KT_INIT.value)
        };
    }
}

/// The handle's type, located at the user's type from its first token to its last: rustc reports
/// there that a type is not `Sync`.
fn handle_type(ty: &Type) -> TokenStream {
    let tokens: Vec<TokenTree> = ty.to_token_stream().into_iter().collect();
    let at = |token: Option<&TokenTree>| {
        let mixed = Span::mixed_site();
        token.map_or(mixed, |token| mixed.located_at(token.span()))
    };
    let open = quote_spanned! {at(tokens.first())=> ::__kt__::State< };
    let close = quote_spanned! {at(tokens.last())=> > };
    quote! { #open #ty #close }
}
