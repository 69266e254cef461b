//! Writes the function that callers see.
//!
//! ```text
//! pub fn set(key: String, value: String) -> ::kt::Call<usize> {
//!     let args = (key, value,);
//!     {
//!         fn set(key: String, value: String) -> usize { … }   // the user's, untouched
//!         {
//!             struct __KtRemote;                              // generated, hidden from the user
//!             impl ::kt::__private::Remote for __KtRemote { … }
//!             static __KT_FUNCTION: ::kt::__private::Function = …;
//!             ::kt::__private::call::<__KtRemote>(&__KT_FUNCTION, args)
//!         }
//!     }
//! }
//! ```
//! Spans decide what users see. The user's tokens keep their own. Generated tokens have the
//! expansion's, so that neither rustc nor clippy lints them. Where an error in generated code is
//! about a user's token, it is *located* at that token. The outer `fn` is generated too, so rustc
//! does not report it as dead code: it can be called from outside the program.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{FnArg, Pat, PatType, ReturnType, Type};

use super::parse::Function;
use crate::attributes::{self, Divided};
use crate::export::{self, Build, Key, Kind};

/// Expands a function that passed every check.
pub fn function(function: &Function) -> TokenStream {
    let Function {
        visibility,
        signature,
        attributes,
        ..
    } = function;
    let Divided {
        outer,
        inner,
        configured,
    } = attributes::divide(attributes);
    let name = &signature.ident;
    let arguments = Argument::all(function);
    let types: Vec<&Type> = arguments.iter().map(|argument| argument.ty).collect();
    let names: Vec<&Ident> = arguments.iter().map(|argument| &argument.name).collect();
    let unit = Type::Tuple(syn::parse_quote!(()));
    let output = match &signature.output {
        ReturnType::Default => &unit,
        ReturnType::Type(_, output) => output,
    };

    // A `cfg` below may still remove the function, but must not remove the program's entry point.
    let (main_inside, main_beside) = if configured {
        (None, export::main_once())
    } else {
        (export::main_once(), None)
    };
    let user = user_function(function, &inner);
    let remote = remote(function, &types, output);
    let key = Key::new(name);
    let exported = key.export(Kind::Function);
    let key = key.text();
    let text = crate::tokens::text(shown_signature(function, &types));

    if export::build() == Build::Types {
        // rustc generates code for every static, used or not: for the function and for everything
        // that it calls.
        return quote_spanned! {Span::mixed_site()=>
            #(#outer)*
            #visibility fn #name(#(#names: #types),*) -> ::__kt__::Call<#output> {
                { #user }
                loop {}
            }
        };
    }
    quote_spanned! {Span::mixed_site()=>
        #main_beside
        #(#outer)*
        #visibility fn #name(#(#names: #types),*) -> ::__kt__::Call<#output> {
            let args = (#(#names,)*);
            {
                #user
                {
                    #main_inside
                    struct __KtRemote;
                    #remote
                    #exported
                    static __KT_FUNCTION: ::__kt__::__private::Function = ::__kt__::__private::Function::new::<__KtRemote>(
                        #key, #text, ::core::file!(), ::core::line!(),
                    );
                    // Callable from outside the program: neither it nor its callees are dead code.
                    const _: &::__kt__::__private::Function = &__KT_FUNCTION;
                    ::__kt__::__private::call::<__KtRemote>(&__KT_FUNCTION, args)
                }
            }
        }
    }
}

/// The user's function unchanged, as an item inside a block.
pub fn user_function(function: &Function, attributes: &[TokenStream]) -> TokenStream {
    let Function {
        signature, body, ..
    } = function;
    let mut signature = signature.clone();
    // The same name appears twice. Lints on the name are reported at the outer function.
    signature.ident = located(&signature.ident);
    // A remote function must own its arguments, and its callers depend on its signature. clippy
    // cannot know that of a function that is not exported.
    quote! {
        #[allow(
            clippy::large_types_passed_by_value,
            clippy::needless_pass_by_value,
            clippy::unnecessary_box_returns,
            clippy::unnecessary_wraps
        )]
        #(#attributes)*
        #signature #body
    }
}

/// `impl Remote`. Each use of a user's type is located at that type.
fn remote(function: &Function, types: &[&Type], output: &Type) -> TokenStream {
    let args = args_type(function, types);
    let put_args = types.iter().enumerate().map(|(index, ty)| {
        let index = syn::Index::from(index);
        quote_spanned! {generated_at(first_span(*ty))=> ::__kt__::__private::Encoder::put::<#ty>(to, &args.#index)?; }
    });
    let put_output = quote_spanned! {generated_at(first_span(output))=>
        ::__kt__::__private::Encoder::put::<#output>(to, output)
    };
    let decode = decode(types, output);
    let (plain, start) = start(function, types.len());
    quote_spanned! {Span::mixed_site()=>
        #plain
        #decode
        impl ::__kt__::__private::Remote for __KtRemote {
            type Args = #args;
            type Output = #output;
            fn encode_args(
                args: &Self::Args,
                to: &mut ::__kt__::__private::Encoder,
            ) -> ::core::result::Result<(), ::__kt__::__private::CodecError> {
                #(#put_args)*
                ::core::result::Result::Ok(())
            }
            fn decode_args(
                from: &mut ::__kt__::__private::Decoder<'_>,
            ) -> ::core::result::Result<Self::Args, ::__kt__::__private::CodecError> {
                __kt_decode().0(from)
            }
            fn encode_output(
                output: &Self::Output,
                to: &mut ::__kt__::__private::Encoder,
            ) -> ::core::result::Result<(), ::__kt__::__private::CodecError> {
                #put_output
            }
            fn decode_output(
                from: &mut ::__kt__::__private::Decoder<'_>,
            ) -> ::core::result::Result<Self::Output, ::__kt__::__private::CodecError> {
                __kt_decode().1(from)
            }
            fn shape(shape: &mut ::__kt__::__private::Shape) {
                __kt_decode().2(shape)
            }
            fn start(args: Self::Args) -> ::__kt__::__private::Started<Self::Output> {
                #start
            }
        }
    }
}

/// A function with all that needs `DeserializeOwned`: rustc reports a missing trait once per body
/// and place.
fn decode(types: &[&Type], output: &Type) -> TokenStream {
    let take_args = types.iter().map(|ty| {
        quote_spanned! {generated_at(first_span(*ty))=> ::__kt__::__private::Decoder::take::<#ty>(from)?, }
    });
    let shape_args = types.iter().map(|ty| {
        quote_spanned! {generated_at(first_span(*ty))=> ::__kt__::__private::Shape::argument::<#ty>(shape); }
    });
    let at_output = generated_at(first_span(output));
    let take_output =
        quote_spanned! {at_output=> ::__kt__::__private::Decoder::take::<#output>(from) };
    let shape_output =
        quote_spanned! {at_output=> ::__kt__::__private::Shape::output::<#output>(shape); };
    quote_spanned! {Span::mixed_site()=>
        #[inline]
        fn __kt_decode() -> (
            fn(&mut ::__kt__::__private::Decoder<'_>) -> ::core::result::Result<
                <__KtRemote as ::__kt__::__private::Remote>::Args, ::__kt__::__private::CodecError>,
            fn(&mut ::__kt__::__private::Decoder<'_>) -> ::core::result::Result<
                <__KtRemote as ::__kt__::__private::Remote>::Output, ::__kt__::__private::CodecError>,
            fn(&mut ::__kt__::__private::Shape),
        ) {
            (
                |from| ::core::result::Result::Ok((#(#take_args)*)),
                |from| #take_output,
                |shape| { #(#shape_args)* #shape_output },
            )
        }
    }
}

/// The body of `Remote::start`, and the function that it calls if the user's function is not async.
fn start(function: &Function, count: usize) -> (Option<TokenStream>, TokenStream) {
    let signature = &function.signature;
    let at_name = generated_at(signature.ident.span());
    let name = located(&signature.ident);
    let indices = (0..count).map(syn::Index::from);
    let called = quote_spanned! {at_name=> #name(#(args.#indices),*) };
    if signature.asyncness.is_some() {
        let start = quote_spanned! {at_name=> ::__kt__::__private::Started::Async(::std::boxed::Box::pin(#called)) };
        return (None, start);
    }
    // Generic, so that the trait's bound makes the arguments `Send`. If they are not, rustc reports
    // it once, at `type Args`.
    let plain = quote_spanned! {Span::mixed_site()=>
        fn __kt_plain<R: ::__kt__::__private::Remote>(
            args: R::Args,
            run: fn(R::Args) -> R::Output,
        ) -> ::__kt__::__private::Started<R::Output> {
            ::__kt__::__private::Started::Plain(::std::boxed::Box::new(move || run(args)))
        }
    };
    let start = quote_spanned! {at_name=> __kt_plain::<__KtRemote>(args, |args| #called) };
    (Some(plain), start)
}

/// The arguments' types as a tuple, located at the list of arguments.
fn args_type(function: &Function, types: &[&Type]) -> TokenStream {
    let mut tuple = Group::new(Delimiter::Parenthesis, quote! { #(#types,)* });
    tuple.set_span(generated_at(function.signature.paren_token.span.join()));
    TokenTree::Group(tuple).into()
}

/// An argument as callers see it.
pub struct Argument<'a> {
    pub name: Ident,
    pub ty: &'a Type,
}

impl<'a> Argument<'a> {
    pub fn all(function: &'a Function) -> Vec<Argument<'a>> {
        let inputs = function.signature.inputs.iter().enumerate();
        inputs
            .filter_map(|(position, argument)| match argument {
                FnArg::Typed(argument) => Some(Argument::new(position, argument)),
                FnArg::Receiver(_) => None,
            })
            .collect()
    }

    /// A plain name is kept for rustdoc and editors. A pattern stays in the inner function only.
    fn new(position: usize, argument: &'a PatType) -> Argument<'a> {
        let name = match &*argument.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => located(&pattern.ident),
            _ => format_ident!("argument_{}", position + 1, span = Span::mixed_site()),
        };
        Argument {
            name,
            ty: &argument.ty,
        }
    }
}

/// The signature in the descriptor, for comparing the caller's with the worker's.
fn shown_signature(function: &Function, types: &[&Type]) -> TokenStream {
    let asyncness = &function.signature.asyncness;
    let output = &function.signature.output;
    quote! { #asyncness fn(#(#types),*) #output }
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

fn first_span(tokens: &impl ToTokens) -> Span {
    tokens
        .to_token_stream()
        .into_iter()
        .next()
        .map_or_else(Span::mixed_site, |token: TokenTree| token.span())
}
