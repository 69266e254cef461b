//! What a registry accepts as proof of who asks.

use std::fmt;

/// What identifies a user to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    Password {
        user: String,
        password: String,
    },
    /// A token that only the registry's token service accepts.
    IdentityToken(String),
}

/// Secrets appear in no log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password { .. } => "Password",
            Self::IdentityToken(_) => "IdentityToken",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_in_debug_output() {
        let password = Credentials::Password {
            user: "alice".to_owned(),
            password: "hunter2".to_owned(),
        };
        for secret in [password, Credentials::IdentityToken("hunter2".into())] {
            assert!(!format!("{secret:?}").contains("hunter2"));
        }
    }
}
