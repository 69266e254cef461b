//! `#[kt::remote]`: a function and its address for calls from another process.
//!
//! *parse* reads the item as the user wrote it, *check* finds what cannot be remote, *expand* writes the function that
//! returns a `kt::Call`, and *refuse* one that only keeps the errors few. This knows the shape of `::kt::__private::Remote` and nothing of what a call does.

mod check;
mod expand;
mod parse;
mod refuse;

use proc_macro2::TokenStream;
use quote::quote;

/// Expands the attribute.
///
/// Every answer holds a function of the user's name wherever there is one to be had, so that a mistake in one place
/// is not followed by errors at each use.
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
