//! Reads the function below an attribute.

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Result, Signature, Token, Visibility};

/// A function with its body as plain tokens.
///
/// The body is not parsed: it passes through unchanged, and an editor can complete code in a body
/// that does not parse.
#[derive(Clone)]
pub struct Function {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub signature: Signature,
    pub body: TokenTree,
}

/// The error messages for an item that is not a function with a body.
#[derive(Clone, Copy)]
pub struct Advice {
    pub no_body: &'static str,
    /// For another item; the stream is at its start.
    pub not_a_function: fn(ParseStream<'_>) -> &'static str,
}

impl Function {
    /// Reads a function.
    ///
    /// # Errors
    /// With the advice, if it is another item.
    pub fn parse(input: ParseStream<'_>, advice: Advice) -> Result<Function> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !starts_function(input) {
            return Err(input.error((advice.not_a_function)(input)));
        }
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(Error::new(input.span(), advice.no_body));
        }
        let body = input.parse()?;
        Ok(Function {
            attributes,
            visibility,
            signature,
            body,
        })
    }
}

fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    // Each qualifier is optional. The token after them tells a function from items that start alike
    // (`const X`, `unsafe impl`, `extern crate`).
    let _ = ahead.parse::<Option<Token![const]>>();
    let _ = ahead.parse::<Option<Token![async]>>();
    let _ = ahead.parse::<Option<Token![unsafe]>>();
    let _ = ahead.parse::<Option<syn::Abi>>();
    ahead.peek(Token![fn])
}
