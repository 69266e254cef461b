//! Writes the function unchanged, around its descriptor.
//!
//! ```text
//! fn trace() -> Result<(), Error> {
//!     fn trace() -> Result<(), Error> { … }     // the user's, untouched
//!     const _: () = {                           // hidden from the user's function
//!         fn __kt_run() -> ::kt::__private::InitRun { … }
//!         static __KT_START: ::kt::__private::InitDescriptor = …;
//!     };
//!     trace()
//! }
//! ```

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ReturnType;

use crate::attributes::{self, Divided};
use crate::export::{self, Build, Key, Kind};
use crate::function::Function;

/// Expands a function that passed every check.
pub fn function(function: &Function) -> TokenStream {
    let Function {
        attributes,
        visibility,
        signature,
        body,
    } = function;
    let Divided {
        outer,
        inner,
        configured,
    } = attributes::divide(attributes);
    let name = located(&signature.ident);
    let (asyncness, output) = (&signature.asyncness, &signature.output);
    let mut users = signature.clone();
    users.ident = name.clone();
    let users = quote! { #(#inner)* #users #body };
    if export::build() == Build::Types {
        // As for a remote function: rustc would generate code for everything that it calls.
        return quote_spanned! {Span::mixed_site()=>
            #(#outer)*
            #visibility #asyncness fn #name() #output {
                { #users }
                loop {}
            }
        };
    }

    // A `cfg` below may still remove the function, but must not remove the program's entry point.
    let (main_inside, main_beside) = if configured {
        (None, export::main_once())
    } else {
        (export::main_once(), None)
    };
    let key = Key::new(&signature.ident);
    let exported = key.export(Kind::Start);
    let key = key.text();
    let hash = crate::tokens::hash(users.clone());
    let run = run(function, &name);
    let wait = asyncness.map(|_| quote! { .await });
    quote_spanned! {Span::mixed_site()=>
        #main_beside
        #(#outer)*
        #visibility #asyncness fn #name() #output {
            #users
            const _: () = {
                #main_inside
                #run
                #exported
                static __KT_START: ::__kt__::__private::InitDescriptor = ::__kt__::__private::InitDescriptor::new(
                    #key, #hash, ::core::file!(), ::core::line!(), __kt_run,
                );
                // Called from outside the program: neither it nor its callees are dead code.
                const _: &::__kt__::__private::InitDescriptor = &__KT_START;
            };
            #name() #wait
        }
    }
}

/// The function that the worker runs. A result type that the worker does not understand is reported
/// at that type.
fn run(function: &Function, name: &Ident) -> TokenStream {
    let signature = &function.signature;
    let at_output = match &signature.output {
        ReturnType::Default => generated_at(signature.ident.span()),
        ReturnType::Type(_, ty) => {
            let first = ty.to_token_stream().into_iter().next();
            first.map_or_else(Span::mixed_site, |token| generated_at(token.span()))
        }
    };
    let failed = quote_spanned! {at_output=> ::__kt__::__private::Initialized::failed(done) };
    // Method resolution finds the first of these traits that the error implements.
    let end = quote_spanned! {Span::mixed_site()=>
        match #failed {
            ::core::option::Option::None => ::core::result::Result::Ok(()),
            ::core::option::Option::Some(failure) => {
                use ::__kt__::__private::{ByDebug as _, ByDisplay as _, BySources as _, BySourcesOfTarget as _};
                ::core::result::Result::Err((&&&&failure).explain())
            }
        }
    };
    if signature.asyncness.is_some() {
        quote_spanned! {Span::mixed_site()=>
            fn __kt_run() -> ::__kt__::__private::InitRun {
                ::__kt__::__private::InitRun::Async(::std::boxed::Box::pin(async {
                    let done = #name().await;
                    #end
                }))
            }
        }
    } else {
        quote_spanned! {Span::mixed_site()=>
            fn __kt_run() -> ::__kt__::__private::InitRun {
                ::__kt__::__private::InitRun::Plain(|| {
                    let done = #name();
                    #end
                })
            }
        }
    }
}

/// A span of the expansion whose errors are shown at `place`.
fn generated_at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// A name of the user as a generated token, which no lint checks.
fn located(name: &Ident) -> Ident {
    let mut name = name.clone();
    name.set_span(generated_at(name.span()));
    name
}
