//! Finds everything that prevents a function from being remote. Each error is at its own token and
//! says what to do instead.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Error, FnArg, GenericArgument, GenericParam, Generics, PathArguments, ReturnType, Safety,
    Signature, Type, TypePath, TypeReference,
};

use super::parse::Function;
use crate::attributes;
use crate::problems::Problems;

/// Rejects any argument. `crate = path` was removed before.
pub fn arguments(arguments: TokenStream) -> Option<Error> {
    if arguments.is_empty() {
        return None;
    }
    Some(Error::new_spanned(
        arguments,
        "`#[kt::remote]` accepts only `crate = PATH`: set options at the call, as in `f(..).timeout(d)`",
    ))
}

/// Whether a function of this signature can be called from another process.
///
/// # Errors
/// With every reason against it.
pub fn signature(function: &Function) -> Result<(), Error> {
    let signature = &function.signature;
    let mut problems = Problems::default();
    qualifiers(signature, &mut problems);
    generics(&signature.generics, &mut problems);
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => problems.add(
                receiver,
                "a remote function cannot take `self`: make it a free function that takes the value as an argument",
            ),
            FnArg::Typed(argument) => {
                for attribute in argument.attrs.iter().filter(|attribute| attributes::configures(&attribute.meta)) {
                    problems.add(
                        attribute,
                        "a remote function's arguments must be the same in every build: put the `cfg` on the function",
                    );
                }
                Walk { position: Position::Argument, problems: &mut problems }.whole(&argument.ty);
            }
        }
    }
    // In source order: the dots are the last argument.
    if let Some(variadic) = &signature.variadic {
        problems.add(
            variadic,
            "a remote function cannot be variadic: take a `Vec`",
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
            "a remote function cannot be generic: remove the `where` clause",
        );
    }
    problems.into_result()
}

fn qualifiers(signature: &Signature, problems: &mut Problems) {
    if signature.ident == "main" {
        problems.add(
            &signature.ident,
            "`main` runs locally and starts the program: put `#[kt::remote]` on a function that it calls",
        );
    }
    if let Some(token) = &signature.constness {
        problems.add(
            token,
            "a remote function cannot be evaluated at compile time: remove `const`",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        problems.add(
            token,
            "a remote function cannot rely on its caller for safety: remove `unsafe`, check the arguments, and use \
             an `unsafe` block inside",
        );
    }
    if let Some(abi) = &signature.abi {
        problems.add(
            abi,
            "a remote function must use the Rust ABI: remove `extern`, and call it from an `extern` function",
        );
    }
}

fn generics(generics: &Generics, problems: &mut Problems) {
    for parameter in &generics.params {
        match parameter {
            GenericParam::Type(parameter) => problems.add(
                &parameter.ident,
                "a remote function has one compiled address, so it cannot be generic: write a concrete type, or an \
                 enum of the possible types",
            ),
            GenericParam::Const(parameter) => problems.add(
                &parameter.ident,
                "a remote function has one compiled address, so it cannot be generic: take the constant as an \
                 argument",
            ),
            GenericParam::Lifetime(parameter) => problems.add(
                &parameter.lifetime,
                "a remote function cannot borrow from its caller, which may be on another machine: remove the \
                 lifetime and take owned values",
            ),
        }
    }
}

/// Whether a type is unsized, as far as its tokens show.
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

/// Walks through a type and finds the parts that cannot be sent to another process.
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
                format_args!("`impl Trait` hides the type that the peer must decode: {} a concrete type", self.position.verb()),
            ),
            Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| self.ty(ty)),
            Type::Array(array) => self.ty(&array.elem),
            Type::Slice(slice) => self.ty(&slice.elem),
            Type::Group(group) => self.ty(&group.elem),
            Type::Paren(paren) => self.ty(&paren.elem),
            Type::Ptr(_) => self.add(
                ty,
                format_args!(
                    "a raw pointer is not valid in another process: {} the value itself",
                    self.position.verb()
                ),
            ),
            Type::FnPtr(_) => self.add(
                ty,
                "a function pointer is not valid in another process: use an enum of the possible functions",
            ),
            Type::Never(_) => {
                self.add(ty, "a call waits for its function to return, so the result cannot be `!`: return `()` or a `Result`");
            }
            Type::Infer(_) => self.add(ty, "`_` is not allowed in a remote function's signature: write the type"),
            // Only rustc knows the type of a macro. A boxed trait object can implement serde's
            // traits, as with typetag.
            _ => {}
        }
    }

    fn reference(&mut self, reference: &TypeReference) {
        let owned = owned(&reference.elem);
        let message = match (self.position, reference.mutability.is_some()) {
            (Position::Argument, false) => {
                format!(
                    "a remote function cannot borrow from its caller, which may be on another machine: take `{owned}`"
                )
            }
            (Position::Argument, true) => format!(
                "a remote function cannot modify its caller's data, which may be on another machine: take `{owned}` \
                 and return the modified value"
            ),
            (Position::Output, _) => {
                format!(
                    "a result cannot be borrowed, since the caller may be on another machine: return `{owned}`"
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
                            format_args!("arguments and results of a remote function cannot be borrowed: {verb} {instead}"),
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
                    "a trait object is unsized and cannot be sent: {verb} a concrete type, or an enum of the \
                     possible types"
                ),
            );
        } else {
            self.add(
                ty,
                format_args!("`{}` is unsized: {verb} `{}`", text(ty), owned(ty)),
            );
        }
    }
}

/// The owned type for the target of a borrow.
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
