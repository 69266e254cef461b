//! Parses `8080`, `8080:80`, `8080:database:5432`.

use std::str::FromStr;

/// The port that accepts connections, and their target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ports {
    /// The port to listen on.
    pub(super) listen_port: u16,
    /// The host to connect to, resolved by the connecting side.
    pub(super) target_host: String,
    pub(super) target_port: u16,
}

impl Ports {
    /// The target, for messages.
    pub(super) fn target(&self) -> String {
        match self.target_host.as_str() {
            LOOPBACK => format!("port {}", self.target_port),
            host => format!("{host}:{}", self.target_port),
        }
    }
}

/// The connecting side itself.
const LOOPBACK: &str = "localhost";

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            text.parse()
                .map_err(|_| format!("`{text}` is not a port: expected a number up to 65535"))
        };
        let (listen, target) = text.split_once(':').unwrap_or((text, text));
        let (host, target) = match target.rsplit_once(':') {
            None => (LOOPBACK, target),
            Some((host, target)) => (host.trim_start_matches('[').trim_end_matches(']'), target),
        };
        let (listen_port, target_port) = (port(listen)?, port(target)?);
        if target_port == 0 {
            return Err("port 0 is not a valid target: `0:PORT` listens on a free port".to_owned());
        }
        if host.is_empty() {
            return Err(format!("`{text}` has an empty host"));
        }
        Ok(Self {
            listen_port,
            target_host: host.to_owned(),
            target_port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_parsed() {
        let ports = |text: &str| {
            let ports = text.parse::<Ports>();
            ports.map(|it| (it.listen_port, it.target_host, it.target_port))
        };
        let localhost = |listen, target| Ok((listen, "localhost".to_owned(), target));
        assert_eq!(ports("8080"), localhost(8080, 8080));
        assert_eq!(ports("8080:80"), localhost(8080, 80));
        assert_eq!(ports("0:80"), localhost(0, 80));
        assert_eq!(ports("1:db:5432"), Ok((1, "db".to_owned(), 5432)));
        assert_eq!(ports("1:[::1]:80"), Ok((1, "::1".to_owned(), 80)));
        for bad in ["", "x", "70000", "80:", ":80", "1:2:", "0", "1:0", "1::2"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
