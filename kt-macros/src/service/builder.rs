//! The value of a service's constant: `kt::Service::new()` and a chain of setters with literals.
//!
//! Names and types are rustc's to check. What it cannot know is that the value is read in the source.

use proc_macro2::Ident;
use syn::{Error, Expr, ExprCall, ExprMethodCall, Lit, Result};

/// The setters that add to what was said before. `cargo-kt/src/config/source/builder.rs` has a test that there are no others.
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

/// Checks that the value can be read as it stands.
///
/// # Errors
/// At each expression that cannot.
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
            "a service begins with `kt::Service::new()`: `cargo kt` reads it in the source, before anything is compiled",
        ));
    }
    // The chain was walked from its end.
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
            "not a literal: `cargo kt` reads this in the source, before anything is compiled, so that a pod can start meanwhile",
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
