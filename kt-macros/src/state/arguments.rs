//! Reads what stands in the attribute's parentheses.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, Path, Result, Token};

/// `#[kt::state(version = 2, migrate = path::to::fn, on_reset = path::to::fn, keep)]`
#[derive(Default)]
pub struct Arguments {
    /// The developer's count of what the value means: another one forces a migration of an unchanged type.
    pub version: Option<LitInt>,
    /// Makes the new value of the former one.
    pub migrate: Option<Path>,
    /// Lets go of what a value holds that the state had before it was reset.
    pub on_reset: Option<Path>,
    /// The developer vouches that what has no visible type in the value is of no type of the workspace.
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
