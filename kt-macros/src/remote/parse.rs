//! Reads the item below `#[kt::remote]`.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Result, Signature, Token, Visibility};

/// A function with its body as plain tokens.
///
/// The body is not parsed: it passes through untouched, and an editor can complete code in a body that does not parse.
#[derive(Clone)]
pub struct Function {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub signature: Signature,
    pub body: TokenTree,
}

/// Reads a function, or says what else it is.
pub fn function(item: TokenStream) -> Result<Function> {
    Function::parse.parse2(item)
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Function> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !starts_function(input) {
            return Err(not_a_function(input));
        }
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input
                .error("a remote function needs a body: put `#[kt::remote]` on a free function"));
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
    // Each is optional, and what follows the last tells a function from the other items that start alike
    // (`const X`, `unsafe impl`, `extern crate`).
    let _ = ahead.parse::<Option<Token![const]>>();
    let _ = ahead.parse::<Option<Token![async]>>();
    let _ = ahead.parse::<Option<Token![unsafe]>>();
    let _ = ahead.parse::<Option<syn::Abi>>();
    ahead.peek(Token![fn])
}

fn not_a_function(input: ParseStream<'_>) -> Error {
    let advice = if input.peek(Token![static]) {
        "a static is not called: use `#[kt::state]` for a value that lives in the service"
    } else if input.peek(Token![impl]) || (input.peek(Token![unsafe]) && input.peek2(Token![impl]))
    {
        "`#[kt::remote]` goes on a free function, not on an `impl` block: move what runs remotely into a free function \
         that takes `self`'s value as an argument"
    } else if input.peek(Token![trait]) {
        "`#[kt::remote]` goes on a free function, not on a trait: write a free function for what runs remotely"
    } else if input.peek(Token![mod]) {
        "`#[kt::remote]` goes on a free function, not on a module: put it on each function in it"
    } else if input.peek(Token![struct]) || input.peek(Token![enum]) || input.peek(Token![type]) {
        "`#[kt::remote]` goes on a free function, not on a type: write a free function that takes or returns it"
    } else {
        "`#[kt::remote]` goes on a free function"
    };
    input.error(advice)
}
