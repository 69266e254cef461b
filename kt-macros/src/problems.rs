//! Collects all problems of an item into one error.

use std::fmt;

use quote::ToTokens;
use syn::{Error, Result};

/// The problems, each at its own token.
#[derive(Default)]
pub struct Problems(Option<Error>);

impl Problems {
    pub fn add(&mut self, at: &impl ToTokens, message: impl fmt::Display) {
        let error = Error::new_spanned(at, message);
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// # Errors
    /// With all problems, if there are any.
    pub fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
