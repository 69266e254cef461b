//! What the source readers `tokens` and `definitions` share: a hash over tokens, and which macros
//! and attributes are known to have no influence on types.

mod digest;
mod known;
mod visitor;

pub use digest::Digest;
pub use known::{
    expression_macro, is_expression_macro, is_for_tests, is_harmless_attribute, is_trusted_crate,
    path_text,
};
pub use visitor::{TokenVisitor, hash_tokens};
