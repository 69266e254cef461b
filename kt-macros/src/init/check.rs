//! Finds what cannot run at a worker's start.
//!
//! Whether the result is one that the worker understands is rustc's to find out.

use proc_macro2::TokenStream;
use syn::{Error, FnArg, Result, ReturnType, Safety, Signature, Type};

use crate::function::Function;
use crate::problems::Problems;

/// `#[kt::init]` takes `crate = path` only, which is not among these any more.
pub fn arguments(arguments: TokenStream) -> Option<Error> {
    if arguments.is_empty() {
        return None;
    }
    Some(Error::new_spanned(
        arguments,
        "`#[kt::init]` takes nothing but `crate = PATH`",
    ))
}

/// Whether the worker can call a function of this signature.
///
/// # Errors
/// With everything that stands against it.
pub fn signature(function: &Function) -> Result<()> {
    let signature = &function.signature;
    let mut problems = Problems::default();
    qualifiers(signature, &mut problems);
    if !signature.generics.params.is_empty() {
        problems.add(
            &signature.generics,
            "an init function is not generic, since nobody chooses its types: write them out",
        );
    }
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => problems.add(
                receiver,
                "an init function has no `self`: make it a free function",
            ),
            FnArg::Typed(argument) => problems.add(
                argument,
                "an init function has no parameters, since nobody passes arguments: read what it needs from the environment \
                 or a file",
            ),
        }
    }
    if let Some(variadic) = &signature.variadic {
        problems.add(variadic, "an init function has no parameters");
    }
    if let ReturnType::Type(_, output) = &signature.output {
        match &**output {
            Type::Never(_) => problems.add(
                output,
                "calls wait for an init function to return: return `()` or `Result<(), E>`, and spawn what does not end",
            ),
            Type::ImplTrait(_) => problems.add(
                output,
                "the worker must know whether it failed: return `()` or `Result<(), E>`",
            ),
            _ => {}
        }
    }
    if let Some(clause) = &signature.generics.where_clause {
        problems.add(
            clause,
            "an init function is not generic: remove the `where` clause",
        );
    }
    problems.into_result()
}

fn qualifiers(signature: &Signature, problems: &mut Problems) {
    if signature.ident == "main" {
        problems.add(
            &signature.ident,
            "`main` runs in the program, not in the worker: put `#[kt::init]` on a function of its own",
        );
    }
    if let Some(token) = &signature.constness {
        problems.add(
            token,
            "an init function runs in the worker, not in the compiler: remove `const`",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        problems.add(
            token,
            "nobody keeps an init function's promises for it: remove `unsafe`, and use an `unsafe` block inside",
        );
    }
    if let Some(abi) = &signature.abi {
        problems.add(
            abi,
            "an init function has no C calling convention: remove `extern`, and call the C function inside",
        );
    }
}
