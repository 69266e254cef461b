//! Rejects functions that cannot run at a worker's start.
//!
//! rustc checks whether the worker understands the result type.

use proc_macro2::TokenStream;
use syn::{Error, FnArg, Result, ReturnType, Safety, Signature, Type};

use crate::function::Function;
use crate::problems::Problems;

/// Rejects any argument. `crate = path` was removed before.
pub fn arguments(arguments: TokenStream) -> Option<Error> {
    if arguments.is_empty() {
        return None;
    }
    Some(Error::new_spanned(
        arguments,
        "`#[kt::init]` accepts only `crate = PATH`",
    ))
}

/// Whether the worker can call a function of this signature.
///
/// # Errors
/// With every reason against it.
pub fn signature(function: &Function) -> Result<()> {
    let signature = &function.signature;
    let mut problems = Problems::default();
    qualifiers(signature, &mut problems);
    if !signature.generics.params.is_empty() {
        problems.add(
            &signature.generics,
            "an init function cannot be generic, since the worker calls it: write the types out",
        );
    }
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => problems.add(
                receiver,
                "an init function cannot take `self`: make it a free function",
            ),
            FnArg::Typed(argument) => problems.add(
                argument,
                "an init function cannot take parameters: read what it needs from the environment or a file",
            ),
        }
    }
    if let Some(variadic) = &signature.variadic {
        problems.add(variadic, "an init function cannot take parameters");
    }
    if let ReturnType::Type(_, output) = &signature.output {
        match &**output {
            Type::Never(_) => problems.add(
                output,
                "calls wait for an init function to return: return `()` or `Result<(), E>`, and spawn a \
                 task for work that keeps running",
            ),
            Type::ImplTrait(_) => problems.add(
                output,
                "the worker cannot detect whether it failed: return `()` or `Result<(), E>`",
            ),
            _ => {}
        }
    }
    if let Some(clause) = &signature.generics.where_clause {
        problems.add(
            clause,
            "an init function cannot be generic: remove the `where` clause",
        );
    }
    problems.into_result()
}

fn qualifiers(signature: &Signature, problems: &mut Problems) {
    if signature.ident == "main" {
        problems.add(
            &signature.ident,
            "`main` runs in the program, not in the worker: put `#[kt::init]` on a separate function",
        );
    }
    if let Some(token) = &signature.constness {
        problems.add(
            token,
            "an init function runs in the worker, not at compile time: remove `const`",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        problems.add(
            token,
            "an init function cannot rely on its caller for safety: remove `unsafe`, and use an `unsafe` \
             block inside",
        );
    }
    if let Some(abi) = &signature.abi {
        problems.add(
            abi,
            "an init function must use the Rust ABI: remove `extern`, and call the C function inside",
        );
    }
}
