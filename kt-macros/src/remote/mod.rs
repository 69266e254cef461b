//! `#[kt::remote]`: makes a function callable from another process.
//!
//! *parse* reads the item, *check* finds what cannot be remote, *expand* writes the function that
//! returns a `kt::Call`, and *refuse* writes a function that avoids follow-up errors. This folder
//! knows the shape of `::kt::__private::Remote` and not what a call does.

mod check;
mod expand;
mod parse;
mod refuse;

use proc_macro2::TokenStream;
use quote::quote;

/// Expands the attribute.
///
/// Every expansion contains a function with the user's name if possible, so that one mistake does
/// not cause errors at each use.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let refused = check::arguments(arguments)
        .map_or_else(TokenStream::new, |error| error.into_compile_error());
    let function = match parse::function(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let error = error.into_compile_error();
            return quote! { #refused #error #item };
        }
    };
    let expansion = match check::signature(&function) {
        Ok(()) => expand::function(&function),
        Err(error) => refuse::function(&function, &error),
    };
    quote! { #refused #expansion }
}
