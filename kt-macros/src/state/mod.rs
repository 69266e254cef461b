//! `#[kt::state]`: a static whose value lives in the service.
mod check;
mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

/// Expands the attribute.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let refused = check::arguments(arguments)
        .map_or_else(TokenStream::new, |error| error.into_compile_error());
    let state = match parse::state(item.clone()) {
        Ok(state) => state,
        Err(error) => {
            let error = error.into_compile_error();
            return quote! { #refused #error #item };
        }
    };
    let expansion = match check::state(&state) {
        Ok(()) => expand::state(&state),
        Err(error) => expand::refused(&state, &error),
    };
    quote! { #refused #expansion }
}
