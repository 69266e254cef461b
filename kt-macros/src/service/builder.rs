//! Checks the value of a service's constant: `kt::Service::new()` and a chain of setters with
//! literals.
//!
//! rustc checks names and types. It does not know that `cargo kt` reads the value from the source.

use proc_macro2::Ident;
use syn::{Error, Expr, ExprCall, ExprMethodCall, Lit, Result};

/// The setters that may be called more than once. A test in `cargo-kt/src/config/source/builder.rs`
/// checks that this list is complete.
const REPEATED: [&str; 11] = [
    "image_pull_secret",
    "env",
    "secret_env",
    "secret_files",
    "volume_claim",
    "volume_empty_dir",
    "volume_host_path",
    "node_selector",
    "toleration",
    "label",
    "annotation",
];

/// Checks that `cargo kt` can read the value from the source.
///
/// # Errors
/// At each expression that it cannot read.
pub fn check(value: &Expr) -> Result<()> {
    let mut errors: Vec<Error> = Vec::new();
    let mut later: Vec<&Ident> = Vec::new();
    let mut next = value;
    while let Expr::MethodCall(ExprMethodCall {
        receiver,
        method,
        args,
        ..
    }) = next
    {
        errors.extend(args.iter().rev().filter_map(not_literal));
        let once = !REPEATED.iter().any(|name| method == name);
        if let Some(again) = later.iter().find(|name| once && **name == method) {
            errors.push(Error::new_spanned(again, format!("`{again}` is set twice")));
        }
        later.push(method);
        next = receiver;
    }
    if !matches!(next, Expr::Call(call) if is_new(call)) {
        errors.push(Error::new_spanned(
            next,
            "the value must start with `kt::Service::new()`: `cargo kt` reads it from the source before compiling",
        ));
    }
    // The loop walked the chain from its end.
    let all = errors.into_iter().rev().reduce(|mut all, error| {
        all.combine(error);
        all
    });
    all.map_or(Ok(()), Err)
}

fn not_literal(argument: &Expr) -> Option<Error> {
    match argument {
        Expr::Lit(literal) if matches!(literal.lit, Lit::Str(_) | Lit::Int(_) | Lit::Bool(_)) => {
            None
        }
        other => Some(Error::new_spanned(
            other,
            "not a literal: `cargo kt` reads this value from the source before compiling, to start the pod early",
        )),
    }
}

fn is_new(call: &ExprCall) -> bool {
    let Expr::Path(path) = &*call.func else {
        return false;
    };
    let mut names = path.path.segments.iter().rev().map(|it| &it.ident);
    call.args.is_empty()
        && names.next().is_some_and(|it| it == "new")
        && names.next().is_some_and(|it| it == "Service")
}
