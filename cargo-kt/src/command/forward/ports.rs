//! `8080`, `8080:80`, `8080:database:5432`.

use std::str::FromStr;

/// Where connections come from and lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ports {
    /// The port that is listened on.
    pub(super) near: u16,
    /// The host that is connected to, as the other end sees it.
    pub(super) host: String,
    pub(super) far: u16,
}

impl Ports {
    /// Where they lead to, for messages.
    pub(super) fn target(&self) -> String {
        match self.host.as_str() {
            LOOPBACK => format!("port {}", self.far),
            host => format!("{host}:{}", self.far),
        }
    }
}

/// The other end itself.
const LOOPBACK: &str = "localhost";

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            text.parse()
                .map_err(|_| format!("`{text}` is no port: it is a number up to 65535"))
        };
        let (near, far) = match text.split_once(':') {
            None => (text, text),
            Some((near, far)) => (near, far),
        };
        let (host, far) = match far.rsplit_once(':') {
            None => (LOOPBACK, far),
            Some((host, far)) => (host.trim_start_matches('[').trim_end_matches(']'), far),
        };
        let (near, far) = (port(near)?, port(far)?);
        if far == 0 {
            return Err("port 0 leads nowhere: `0:PORT` takes a free port here".to_owned());
        }
        if host.is_empty() {
            return Err(format!("`{text}` names no host between its colons"));
        }
        Ok(Self {
            near,
            host: host.to_owned(),
            far,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let ports = |text: &str| text.parse::<Ports>().map(|it| (it.near, it.host, it.far));
        let here = |near, far| Ok((near, "localhost".to_owned(), far));
        assert_eq!(ports("8080"), here(8080, 8080));
        assert_eq!(ports("8080:80"), here(8080, 80));
        assert_eq!(ports("0:80"), here(0, 80));
        assert_eq!(ports("1:db:5432"), Ok((1, "db".to_owned(), 5432)));
        assert_eq!(ports("1:[::1]:80"), Ok((1, "::1".to_owned(), 80)));
        for bad in ["", "x", "70000", "80:", ":80", "1:2:", "0", "1:0", "1::2"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
