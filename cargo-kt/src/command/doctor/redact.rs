//! Redacts known kinds of secrets from text.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

/// Replaces a secret.
const REMOVED: &str = "[removed]";
/// A shorter value may be part of any word: removing it everywhere would make the text useless.
const SHORTEST: usize = 6;

/// Credentials with a recognizable form.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // RFC 6750, and RFC 7617.
        r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
        // A JSON Web Token, RFC 7519: its header is base64 of `{"`.
        r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
        // RFC 7468.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----",
        // The userinfo of a URL.
        r"://[^/\s:@]+:[^/\s@]+@",
        // `token=…`, `"password": "…"`.
        r#"(?i)\b[a-z0-9_-]*(token|secret|password|passwd|api_?key|credential)s?["']?\s*[=:]\s*["']?[^\s"',;]{4,}"#,
    ]
    .iter()
    .filter_map(|form| Regex::new(form).ok())
    .collect()
});

/// The known secrets of this machine.
#[derive(Debug, Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Values of environment variables, except locations: a bug report has those anyway.
    pub(super) fn of_environment(variables: impl Iterator<Item = (String, String)>) -> Self {
        let harmless = |name: &str| {
            matches!(
                name,
                "HOME"
                    | "PWD"
                    | "OLDPWD"
                    | "PATH"
                    | "SHELL"
                    | "TERM"
                    | "LANG"
                    | "USER"
                    | "LOGNAME"
                    | "HOSTNAME"
                    | "TMPDIR"
            ) || name.starts_with("XDG_")
                || matches!(
                    name,
                    "CARGO" | "CARGO_HOME" | "RUSTUP_HOME" | "RUSTUP_TOOLCHAIN"
                )
                || matches!(
                    name,
                    "KT_HOME"
                        | "KT_RUNTIME_DIR"
                        | "KT_PLACE"
                        | "KT_CONTEXT"
                        | "KT_NAMESPACE"
                        | "KUBECONFIG"
                )
        };
        let values = variables.filter(|(name, _)| !harmless(name));
        // A path is a location.
        let values = values
            .map(|(_, value)| value)
            .filter(|value| !value.starts_with('/'));
        Self(values.filter(|value| value.len() >= SHORTEST).collect())
    }

    /// Returns the text without secrets.
    pub(super) fn remove(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longest first: one may contain another.
        let mut values: Vec<&String> = self.0.iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            text = text.replace(value.as_str(), REMOVED);
        }
        for form in FORMS.iter() {
            text = form.replace_all(&text, REMOVED).into_owned();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_redacted_anywhere_in_the_text() {
        assert_eq!(FORMS.len(), 5, "each form is a regular expression");
        for secret in [
            "Authorization: Bearer abcdefgh12345678",
            "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl today",
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----",
            "https://alice:hunter2hunter@proxy.example/",
            "DB_PASSWORD=hunter2hunter",
            "{\"api_key\": \"hunter2hunter\"}",
        ] {
            let text = Secrets::default().remove(secret);
            assert!(text.contains(REMOVED), "{text}");
            for part in ["abcdefgh", "eyJ", "MHcCAQ", "hunter2"] {
                assert!(!text.contains(part), "{text}");
            }
        }
        let harmless = "worker 7 serves generation 2 in /home/alice/token-ring";
        assert_eq!(Secrets::default().remove(harmless), harmless);
    }

    #[test]
    fn values_of_variables_are_redacted_and_paths_are_not() {
        let variables = [
            ("FAVORITE", "swordfish"),
            ("EDITOR", "vi"),
            ("HOME", "/home/alice"),
            ("LONGER", "swordfish-2"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of_environment(variables.into_iter());
        assert_eq!(
            secrets.remove("vi swordfish-2 swordfish /home/alice"),
            "vi [removed] [removed] /home/alice"
        );
    }
}
