//! What a registry requires of a request: the header `WWW-Authenticate` (RFC 9110, section 11.6.1).

/// A way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// With a token of this service.
    Bearer {
        realm: String,
        service: Option<String>,
    },
    /// With user and password.
    Basic,
}

impl Challenge {
    /// The challenge to answer, a token if the registry offers one.
    pub fn of<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let offered: Vec<Self> = headers.into_iter().flat_map(parse).collect();
        let bearer = offered
            .iter()
            .position(|it| matches!(it, Self::Bearer { .. }));
        offered.into_iter().nth(bearer.unwrap_or(0))
    }
}

/// The known challenges of one header, which may list several: `Basic realm="a", Bearer realm="b"`.
fn parse(header: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(&str, Vec<(&str, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(['=', ' ', '\t', ',']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        rest = after;
        let Some(value) = after.trim_start().strip_prefix('=') else {
            schemes.push((word, Vec::new()));
            continue;
        };
        let (value, after) = value_of(value.trim_start());
        rest = after;
        if let Some((_, parameters)) = schemes.last_mut() {
            parameters.push((word, value));
        }
    }
    schemes.into_iter().filter_map(known).collect()
}

/// The value of a parameter, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn known((scheme, parameters): (&str, Vec<(&str, String)>)) -> Option<Challenge> {
    let parameter = |name: &str| {
        let mut all = parameters.iter();
        let found = all.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(Challenge::Bearer {
            realm: parameter("realm")?,
            service: parameter("service"),
        }),
        "basic" => Some(Challenge::Basic),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        })
    }

    #[test]
    fn a_token_service_is_read() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull,push""#;
        assert_eq!(
            Challenge::of([header]),
            bearer("https://auth.docker.io/token", Some("registry.docker.io"))
        );
        let spaced = r#"bearer  Realm = "https://a.test/?x=1,2" , error=invalid_token"#;
        assert_eq!(
            Challenge::of([spaced]),
            bearer("https://a.test/?x=1,2", None)
        );
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let one = r#"Basic realm="r", Bearer realm="https://a.test""#;
        assert_eq!(Challenge::of([one]), bearer("https://a.test", None));
        let two = ["Basic realm=\"r\"", "Bearer realm=\"https://a.test\""];
        assert_eq!(Challenge::of(two), bearer("https://a.test", None));
        assert_eq!(Challenge::of(["Basic realm=\"r\""]), Some(Challenge::Basic));
    }

    #[test]
    fn escapes_are_read_and_unknown_schemes_ignored() {
        let escaped = r#"Negotiate, Bearer realm="https://a.test/\"b\\""#;
        assert_eq!(
            Challenge::of([escaped]),
            bearer(r#"https://a.test/"b\"#, None)
        );
        for header in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer service=\"x\"",
            "=",
            "realm=\"x\"",
            "\"",
            ",,=",
        ] {
            assert_eq!(Challenge::of([header]), None, "{header}");
        }
        assert_eq!(
            Challenge::of([r#"Bearer realm="open"#]),
            bearer("open", None)
        );
    }
}
