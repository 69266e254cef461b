//! Reads the item below `#[kt::init]`.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::{Result, Token};

use crate::function::{Advice, Function};

const ADVICE: Advice = Advice {
    no_body: "an init function needs a body: put `#[kt::init]` on a free function",
    not_a_function,
};

/// Reads a function, or reports which other item it is.
pub fn function(item: TokenStream) -> Result<Function> {
    let parse = |input: ParseStream<'_>| Function::parse(input, ADVICE);
    parse.parse2(item)
}

fn not_a_function(input: ParseStream<'_>) -> &'static str {
    if input.peek(Token![static]) {
        "a static does not run: put `#[kt::init]` on a free function that fills it, and `#[kt::state]` on the static"
    } else if input.peek(Token![impl]) || input.peek2(Token![impl]) {
        "`#[kt::init]` goes on a free function, not on an `impl` block"
    } else if input.peek(Token![mod]) {
        "`#[kt::init]` goes on a free function, not on a module: put it on each function in it"
    } else if input.peek(Token![struct]) || input.peek(Token![enum]) || input.peek(Token![type]) {
        "`#[kt::init]` goes on a free function, not on a type: write a free function that creates the value"
    } else {
        "`#[kt::init]` goes on a free function"
    }
}
