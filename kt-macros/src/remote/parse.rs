//! Reads the item below `#[kt::remote]`.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::{Result, Token};

use crate::function::Advice;
pub use crate::function::Function;

const ADVICE: Advice = Advice {
    no_body: "a remote function needs a body: put `#[kt::remote]` on a free function",
    not_a_function,
};

/// Reads a function, or reports which other item it is.
pub fn function(item: TokenStream) -> Result<Function> {
    let parse = |input: ParseStream<'_>| Function::parse(input, ADVICE);
    parse.parse2(item)
}

fn not_a_function(input: ParseStream<'_>) -> &'static str {
    if input.peek(Token![static]) {
        "a static cannot be called: use `#[kt::state]` for a value that the service keeps"
    } else if input.peek(Token![impl]) || (input.peek(Token![unsafe]) && input.peek2(Token![impl]))
    {
        "`#[kt::remote]` goes on a free function, not on an `impl` block: move the remote code into a free function \
         that takes `self`'s value as an argument"
    } else if input.peek(Token![trait]) {
        "`#[kt::remote]` goes on a free function, not on a trait: write a free function for the remote code"
    } else if input.peek(Token![mod]) {
        "`#[kt::remote]` goes on a free function, not on a module: put it on each function in it"
    } else if input.peek(Token![struct]) || input.peek(Token![enum]) || input.peek(Token![type]) {
        "`#[kt::remote]` goes on a free function, not on a type: write a free function that takes or returns it"
    } else {
        "`#[kt::remote]` goes on a free function"
    }
}
