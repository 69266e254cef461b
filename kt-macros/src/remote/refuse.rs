//! Writes a function that cannot be remote: its errors, and code that prevents follow-up errors in
//! its body and at its uses.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, FnArg, ReturnType, Safety, Signature, Type};

use super::check;
use super::expand::{Argument, user_function};
use super::parse::Function;
use crate::attributes::{self, Divided};

/// Writes the signature that callers expect, around the user's function if that is valid as a
/// nested item.
///
/// Most rejected signatures are valid Rust. Types stay as written, so that a call with a borrowed
/// argument compiles and only the borrow in the signature is an error.
pub fn function(function: &Function, error: &Error) -> TokenStream {
    let Function {
        visibility,
        signature,
        attributes,
        ..
    } = function;
    let errors = error.to_compile_error();
    if signature.ident == "main" {
        return quote! { #errors fn main() {} };
    }
    let Divided { outer, inner, .. } = attributes::divide(attributes);
    let name = &signature.ident;
    let arguments = Argument::all(function);
    let parameters = arguments.iter().map(|Argument { name, ty }| {
        let ty = argument_type(ty);
        quote! { #name: #ty }
    });
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let receiver = signature.inputs.iter().find_map(|argument| match argument {
        FnArg::Receiver(receiver) => Some(quote! { #receiver, }),
        FnArg::Typed(_) => None,
    });
    let output = output_type(&signature.output);
    let generics = &signature.generics;
    let where_clause = &signature.generics.where_clause;
    let unsafety = match &signature.safety {
        Safety::Unsafe(token) => Some(token),
        Safety::Safe(_) | Safety::Default => None,
    };
    let user = stands_alone(function).then(|| {
        let mut function = function.clone();
        function.signature.constness = None;
        function.signature.abi = None;
        user_function(&function, &inner)
    });
    let result = if user.is_some() && mentions(signature.output.to_token_stream(), "impl") {
        opaque_result(signature, &names)
    } else {
        quote! { ::core::unreachable!() }
    };
    quote_spanned! {Span::mixed_site()=>
        #(#outer)*
        #visibility #unsafety fn #name #generics (#receiver #(#parameters),*) -> ::__kt__::Call<#output> #where_clause {
            #errors
            let _ = (#(&#names,)*);
            { #user { #result } }
        }
    }
}

/// An expression whose type tells rustc the type behind an `impl Trait` in the result.
fn opaque_result(signature: &Signature, names: &[&syn::Ident]) -> TokenStream {
    let name = &signature.ident;
    let call = quote! { #name(#(#names),*) };
    let call = if matches!(signature.safety, Safety::Unsafe(_)) {
        quote! { unsafe { #call } }
    } else {
        call
    };
    let (bound, output) = if signature.asyncness.is_some() {
        (quote! { T: ::core::future::Future }, quote! { T::Output })
    } else {
        (quote! { T }, quote! { T })
    };
    quote_spanned! {Span::mixed_site()=>
        fn __kt_call<#bound>(_: T) -> ::__kt__::Call<#output> {
            ::core::unreachable!()
        }
        __kt_call(#call)
    }
}

fn argument_type(ty: &Type) -> TokenStream {
    if check::is_unsized(ty) || mentions(ty.to_token_stream(), "_") {
        quote! { impl ::core::marker::Sized }
    } else {
        ty.to_token_stream()
    }
}

fn output_type(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Type(_, ty) if check::is_unsized(ty) => quote! { ::std::boxed::Box<#ty> },
        ReturnType::Type(_, ty)
            if !matches!(**ty, Type::Never(_)) && !mentions(ty.to_token_stream(), "_") =>
        {
            ty.to_token_stream()
        }
        _ => quote! { () },
    }
}

/// Whether rustc accepts the user's function as a nested item. If not, editors cannot analyze its
/// body.
fn stands_alone(function: &Function) -> bool {
    let Signature {
        inputs,
        output,
        variadic,
        ..
    } = &function.signature;
    let typed = |argument: &FnArg| match argument {
        FnArg::Typed(argument) => {
            !check::is_unsized(&argument.ty) && !mentions(argument.ty.to_token_stream(), "_")
        }
        FnArg::Receiver(_) => false,
    };
    let sized = match output {
        ReturnType::Type(_, output) => {
            !check::is_unsized(output) && !mentions(output.to_token_stream(), "_")
        }
        ReturnType::Default => true,
    };
    variadic.is_none()
        && sized
        && inputs.iter().all(typed)
        && !mentions(function.signature.to_token_stream(), "Self")
        && !mentions(function.body.to_token_stream(), "Self")
}

/// Whether an identifier is among the tokens, at any depth.
fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
