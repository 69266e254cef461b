//! Finds what cannot be remote, all of it, each at its own token and with what to do instead.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Error, FnArg, GenericArgument, GenericParam, Generics, PathArguments, ReturnType, Safety,
    Signature, Type, TypePath, TypeReference,
};

use super::parse::Function;
use crate::attributes;
use crate::problems::Problems;

/// `#[kt::remote]` takes `crate = path` only, which is not among these any more.
pub fn arguments(arguments: TokenStream) -> Option<Error> {
    if arguments.is_empty() {
        return None;
    }
    Some(Error::new_spanned(
        arguments,
        "`#[kt::remote]` takes nothing but `crate = PATH`: options are said where it is called, as in `f(..).timeout(d)`",
    ))
}

/// Whether a function of this signature can be called from another process.
///
/// # Errors
/// With everything that stands against it.
pub fn signature(function: &Function) -> Result<(), Error> {
    let signature = &function.signature;
    let mut problems = Problems::default();
    qualifiers(signature, &mut problems);
    generics(&signature.generics, &mut problems);
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => problems.add(
                receiver,
                "a remote function has no `self`: make it a free function that takes the value as an argument",
            ),
            FnArg::Typed(argument) => {
                for attribute in argument.attrs.iter().filter(|attribute| attributes::configures(&attribute.meta)) {
                    problems.add(
                        attribute,
                        "a remote function's arguments are the same in every build: put the `cfg` on the function",
                    );
                }
                Walk { position: Position::Argument, problems: &mut problems }.whole(&argument.ty);
            }
        }
    }
    // Rust's own order, in which the dots end the list of arguments.
    if let Some(variadic) = &signature.variadic {
        problems.add(
            variadic,
            "a remote function takes a fixed list of arguments: take a `Vec`",
        );
    }
    if let ReturnType::Type(_, output) = &signature.output {
        Walk {
            position: Position::Output,
            problems: &mut problems,
        }
        .whole(output);
    }
    if let Some(clause) = &signature.generics.where_clause {
        problems.add(
            clause,
            "a remote function is not generic: remove the `where` clause",
        );
    }
    problems.into_result()
}

fn qualifiers(signature: &Signature, problems: &mut Problems) {
    if signature.ident == "main" {
        problems.add(
            &signature.ident,
            "`main` runs here and starts the program: put `#[kt::remote]` on a function that it calls",
        );
    }
    if let Some(token) = &signature.constness {
        problems.add(
            token,
            "a remote function is never called by the compiler: remove `const`",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        problems.add(
            token,
            "a remote function cannot rest on its caller's promises: remove `unsafe`, check the arguments, and use \
             an `unsafe` block inside",
        );
    }
    if let Some(abi) = &signature.abi {
        problems.add(
            abi,
            "a remote function has no C calling convention: remove `extern`, and call it from an `extern` function",
        );
    }
}

fn generics(generics: &Generics, problems: &mut Problems) {
    for parameter in &generics.params {
        match parameter {
            GenericParam::Type(parameter) => problems.add(
                &parameter.ident,
                "a remote function has one compiled address, so it cannot be generic: write the type out, or an \
                 enum of the types that it may be",
            ),
            GenericParam::Const(parameter) => problems.add(
                &parameter.ident,
                "a remote function has one compiled address, so it cannot be generic: take the constant as an \
                 argument",
            ),
            GenericParam::Lifetime(parameter) => problems.add(
                &parameter.lifetime,
                "a remote function cannot borrow from its caller, who may be on another machine: remove the \
                 lifetime and take owned values",
            ),
        }
    }
}

/// Whether a type has no size, as far as its tokens tell.
pub fn is_unsized(ty: &Type) -> bool {
    match ty {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        Type::Group(group) => is_unsized(&group.elem),
        Type::Paren(paren) => is_unsized(&paren.elem),
        _ => false,
    }
}

#[derive(Clone, Copy)]
enum Position {
    Argument,
    Output,
}

impl Position {
    fn verb(self) -> &'static str {
        match self {
            Position::Argument => "take",
            Position::Output => "return",
        }
    }
}

/// A walk through a type, finding what cannot cross to another process.
struct Walk<'a> {
    position: Position,
    problems: &'a mut Problems,
}

impl Walk<'_> {
    fn whole(&mut self, ty: &Type) {
        if is_unsized(ty) {
            self.unsized_type(ty)
        } else {
            self.ty(ty)
        }
    }

    fn add(&mut self, at: &impl ToTokens, message: impl std::fmt::Display) {
        self.problems.add(at, message);
    }

    fn ty(&mut self, ty: &Type) {
        match ty {
            Type::Reference(reference) => self.reference(reference),
            Type::Path(path) => self.path(path),
            Type::ImplTrait(_) => self.add(
                ty,
                format_args!("the other side must know the exact type: {} a concrete type", self.position.verb()),
            ),
            Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| self.ty(ty)),
            Type::Array(array) => self.ty(&array.elem),
            Type::Slice(slice) => self.ty(&slice.elem),
            Type::Group(group) => self.ty(&group.elem),
            Type::Paren(paren) => self.ty(&paren.elem),
            Type::Ptr(_) => self.add(
                ty,
                format_args!(
                    "an address means nothing in another process: {} the value itself",
                    self.position.verb()
                ),
            ),
            Type::FnPtr(_) => self.add(
                ty,
                "a function's address means nothing in another process: use an enum of what can be asked for",
            ),
            Type::Never(_) => {
                self.add(ty, "a call waits for its function to return: return `()`, or a `Result` that says why it ended");
            }
            Type::Infer(_) => self.add(ty, "the type of a remote function must be written out"),
            // A macro's type is known to rustc alone, and a boxed trait object can be serde's, as typetag shows.
            _ => {}
        }
    }

    fn reference(&mut self, reference: &TypeReference) {
        let owned = owned(&reference.elem);
        let message = match (self.position, reference.mutability.is_some()) {
            (Position::Argument, false) => {
                format!(
                    "a remote function cannot borrow from its caller, who may be on another machine: take `{owned}`"
                )
            }
            (Position::Argument, true) => format!(
                "a remote function cannot change what its caller owns, who may be on another machine: take `{owned}` \
                 and return it changed"
            ),
            (Position::Output, _) => {
                format!(
                    "a result cannot be borrowed, since its caller may be on another machine: return `{owned}`"
                )
            }
        };
        self.add(reference, message);
    }

    fn path(&mut self, path: &TypePath) {
        if let Some(first) = path.path.segments.first()
            && first.ident == "Self"
        {
            self.add(
                &first.ident,
                "a remote function is a free function and has no `Self`: write the type's name",
            );
        }
        if let Some(qself) = &path.qself {
            self.ty(&qself.ty);
        }
        for segment in &path.path.segments {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                continue;
            };
            let cow = segment.ident == "Cow";
            for argument in &arguments.args {
                match argument {
                    GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => {
                        let instead = match arguments.args.last() {
                            Some(GenericArgument::Type(ty)) if cow => format!("`{}`", owned(ty)),
                            _ => "a type that owns its data".to_owned(),
                        };
                        let verb = self.position.verb();
                        self.add(
                            lifetime,
                            format_args!("nothing can be borrowed between a caller and a remote function: {verb} {instead}"),
                        );
                    }
                    GenericArgument::Type(ty) => self.ty(ty),
                    GenericArgument::AssocType(binding) => self.ty(&binding.ty),
                    _ => {}
                }
            }
        }
    }

    fn unsized_type(&mut self, ty: &Type) {
        let verb = self.position.verb();
        if let Type::TraitObject(_) = ty {
            self.add(
                ty,
                format_args!(
                    "a trait object has no size and cannot be sent as it is: {verb} a concrete type, or an enum of \
                     those that it may be"
                ),
            );
        } else {
            self.add(
                ty,
                format_args!("`{}` has no size: {verb} `{}`", text(ty), owned(ty)),
            );
        }
    }
}

/// The owned form of what a borrow of this type would see.
fn owned(ty: &Type) -> String {
    match ty {
        Type::Slice(slice) => format!("Vec<{}>", owned(&slice.elem)),
        Type::Reference(reference) => owned(&reference.elem),
        Type::Group(group) => owned(&group.elem),
        Type::Paren(paren) => owned(&paren.elem),
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Path(path) if path.path.is_ident("Path") => "PathBuf".to_owned(),
        Type::Path(path) if path.path.is_ident("OsStr") => "OsString".to_owned(),
        Type::Path(path) if path.path.is_ident("CStr") => "CString".to_owned(),
        _ => text(ty),
    }
}

fn text(ty: &Type) -> String {
    crate::tokens::text(ty.to_token_stream())
}
