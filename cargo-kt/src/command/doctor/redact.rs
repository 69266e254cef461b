//! Takes secrets out of texts: kinds that are known to be some, wherever they stand.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

/// What stands in the place of a secret.
const REMOVED: &str = "[removed]";
/// A shorter value may be a part of any word: to remove it everywhere would say nothing any more.
const SHORTEST: usize = 6;

/// Credentials that have a form of their own.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // RFC 6750, and RFC 7617.
        r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
        // A JSON Web Token, RFC 7519: its header is base64 of `{"`.
        r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
        // RFC 7468.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----",
        // The user's part of an address.
        r"://[^/\s:@]+:[^/\s@]+@",
        // `token=…`, `"password": "…"`.
        r#"(?i)\b[a-z0-9_-]*(token|secret|password|passwd|api_?key|credential)s?["']?\s*[=:]\s*["']?[^\s"',;]{4,}"#,
    ]
    .iter()
    .filter_map(|form| Regex::new(form).ok())
    .collect()
});

/// The secrets of this machine that are known.
#[derive(Debug, Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Values of environment variables, apart from those that say where things are: a bug report has those anyway.
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
        // A path says where something is.
        let values = values
            .map(|(_, value)| value)
            .filter(|value| !value.starts_with('/'));
        Self(values.filter(|value| value.len() >= SHORTEST).collect())
    }

    /// A text without them.
    pub(super) fn remove(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longest first: one may be a part of another.
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
    fn forms_of_credentials_are_found_wherever_they_stand() {
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
    fn values_of_variables_are_removed_and_places_are_not() {
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
