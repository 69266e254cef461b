//! Reads the item below `#[kt::state]`.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Ident, Result, StaticMutability, Token, Type, Visibility};

/// A static with its initializer as plain tokens, which pass through unchanged.
pub struct State {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub static_token: Token![static],
    pub mutability: StaticMutability,
    pub name: Ident,
    pub ty: Type,
    pub init: TokenStream,
}

/// Reads a static, or reports which other item it is.
pub fn state(item: TokenStream) -> Result<State> {
    State::parse.parse2(item)
}

impl Parse for State {
    fn parse(input: ParseStream<'_>) -> Result<State> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !input.peek(Token![static]) {
            return Err(not_a_static(input));
        }
        let static_token = input.parse()?;
        let mutability = input.parse()?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        if !input.peek(Token![=]) {
            return Err(input.error("a state needs an initial value: write `= …`"));
        }
        input.parse::<Token![=]>()?;
        let mut init = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![;]) {
            init.extend([input.parse::<proc_macro2::TokenTree>()?]);
        }
        input.parse::<Token![;]>()?;
        Ok(State {
            attributes,
            visibility,
            static_token,
            mutability,
            name,
            ty,
            init,
        })
    }
}

const THREAD_LOCAL: &str = "a thread-local cannot be a state, since calls move between threads: use a `static` \
                            holding a `Mutex`, a `RwLock`, a `OnceLock` or an atomic";

fn not_a_static(input: ParseStream<'_>) -> Error {
    // `thread_local! { … }`, possibly with a longer path.
    let ahead = input.fork();
    if let Ok(path) = ahead.call(syn::Path::parse_mod_style)
        && ahead.peek(Token![!])
    {
        let thread_local = path
            .segments
            .last()
            .is_some_and(|last| last.ident == "thread_local");
        let advice = if thread_local {
            THREAD_LOCAL
        } else {
            "`#[kt::state]` goes on a `static`: put it on the one that the macro expands to"
        };
        return Error::new_spanned(path, advice);
    }
    // Inside `thread_local!`, std puts the attribute on a constant of this type.
    let key = input.to_string().contains("LocalKey");
    let advice = if input.peek(Token![const]) && key {
        THREAD_LOCAL
    } else if input.peek(Token![const]) && !input.peek2(Token![fn]) {
        "a `const` is copied to each use and holds no state: write `static`"
    } else if input.peek(Token![fn]) || input.peek2(Token![fn]) {
        "a function holds no state: use `#[kt::remote]` to call a function in the service"
    } else if input.peek(Token![let]) {
        "a local variable is dropped when its function returns: use a `static`"
    } else {
        "`#[kt::state]` goes on a `static`"
    };
    input.error(advice)
}
