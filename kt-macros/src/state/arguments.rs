//! Reads the attribute's arguments.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, Path, Result, Token};

/// `#[kt::state(version = 2, migrate = path::to::fn, on_reset = path::to::fn, keep)]`
#[derive(Default)]
pub struct Arguments {
    /// The version of the value's meaning. Another version forces a migration although the type is
    /// unchanged.
    pub version: Option<LitInt>,
    /// Converts the previous value to the new one.
    pub migrate: Option<Path>,
    /// Releases the resources of the previous value after a reset.
    pub on_reset: Option<Path>,
    /// The author guarantees that the parts of the value without a visible type contain no types of
    /// the workspace.
    pub keep: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            let twice = || Error::new_spanned(&name, format!("`{name}` is given twice"));
            if name == "version" {
                input.parse::<Token![=]>()?;
                let version: LitInt = input.parse()?;
                version.base10_parse::<u64>()?;
                if arguments.version.replace(version).is_some() {
                    return Err(twice());
                }
            } else if name == "migrate" {
                input.parse::<Token![=]>()?;
                if arguments.migrate.replace(input.parse()?).is_some() {
                    return Err(twice());
                }
            } else if name == "on_reset" {
                input.parse::<Token![=]>()?;
                if arguments.on_reset.replace(input.parse()?).is_some() {
                    return Err(twice());
                }
            } else if name == "keep" {
                if std::mem::replace(&mut arguments.keep, true) {
                    return Err(twice());
                }
            } else {
                return Err(Error::new_spanned(
                    &name,
                    "`#[kt::state]` takes `version = NUMBER`, `migrate = FUNCTION`, `on_reset = FUNCTION` and `keep`",
                ));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}
