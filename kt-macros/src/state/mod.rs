//! `#[kt::state]`: a static whose value the service keeps.

mod arguments;
mod check;
mod expand;
mod externs;
mod foreign;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use arguments::Arguments;

/// Expands the attribute.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (arguments, refused) = match syn::parse2(arguments) {
        Ok(arguments) => (arguments, None),
        Err(error) => (Arguments::default(), Some(error.into_compile_error())),
    };
    let state = match parse::state(item.clone()) {
        Ok(state) => state,
        Err(error) => {
            let error = error.into_compile_error();
            return quote! { #refused #error #item };
        }
    };
    let expansion = match check::state(&state) {
        Ok(()) => expand::state(&state, &arguments),
        Err(error) => expand::refused(&state, &error),
    };
    quote! { #refused #expansion }
}
