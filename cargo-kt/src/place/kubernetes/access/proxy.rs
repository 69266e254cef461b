//! Decides whether the environment's proxy applies to an API server, by the rules of Go's clients,
//! including kubectl.
//!
//! kube compares `NO_PROXY` with the proxy's own address (`src/config/file_loader.rs` of
//! kube-client 5.0), and so uses the proxy for every server. Source of the rules:
//! <https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config>

use std::net::IpAddr;

use http::Uri;

/// Whether the environment's proxy does not apply to `server`.
pub(super) fn is_exempt(server: &Uri, no_proxy: &str) -> bool {
    let host = server.host().unwrap_or_default();
    let host = host.trim_matches(['[', ']']).to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|it| it.is_loopback()) {
        return true;
    }
    let port = server.port_u16().unwrap_or(443).to_string();
    no_proxy.split(',').map(str::trim).any(|entry| {
        let entry = entry.to_lowercase();
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => (name, Some(port)),
            _ => (&*entry, None),
        };
        let named = match name {
            "" => false,
            "*" => true,
            name => match (name.split_once('/'), address) {
                (Some((network, length)), Some(address)) => is_within(address, network, length),
                (Some(_), None) => false,
                (None, _) => is_named(&host, name),
            },
        };
        named && wanted.is_none_or(|wanted| wanted == port)
    })
}

/// A name matches itself and its subdomains; one that begins with a dot matches only subdomains.
fn is_named(host: &str, name: &str) -> bool {
    let suffix = name.strip_prefix("*.").or(name.strip_prefix('.'));
    match suffix {
        Some(suffix) => host.ends_with(&format!(".{suffix}")),
        None => host == name || host.ends_with(&format!(".{name}")),
    }
}

fn is_within(address: IpAddr, network: &str, length: &str) -> bool {
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let same = |one: u128, other: u128, bits: u32| {
        let shift = bits.saturating_sub(length);
        length == 0 || one >> shift == other >> shift
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            same(one.to_bits().into(), other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

/// A proxy's address without user and password.
pub(super) fn shown(proxy: &Uri) -> String {
    let scheme = proxy.scheme_str().unwrap_or("http");
    let port = proxy.port_u16().map(|port| format!(":{port}"));
    let host = proxy.host().unwrap_or_default();
    format!("{scheme}://{host}{}", port.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt(server: &str, no_proxy: &str) -> bool {
        is_exempt(&server.parse().unwrap(), no_proxy)
    }

    #[test]
    fn servers_are_exempt_as_in_kubectl() {
        assert!(exempt("https://127.0.0.1:6443", ""));
        assert!(exempt("https://[::1]:6443", ""));
        assert!(exempt("https://localhost:6443", ""));
        assert!(exempt("https://10.1.2.3:6443", "example.com, 10.1.0.0/16"));
        assert!(exempt("https://api.example.com", ".example.com"));
        assert!(exempt("https://api.example.com", "example.com"));
        assert!(exempt(
            "https://api.example.com:6443",
            "api.example.com:6443"
        ));
        assert!(exempt("https://api.example.com", "*"));
        assert!(!exempt(
            "https://api.example.com:443",
            "api.example.com:6443"
        ));
        assert!(!exempt("https://example.com", ".example.com"));
        assert!(!exempt("https://notexample.com", "example.com"));
        assert!(!exempt("https://10.2.2.3:6443", "10.1.0.0/16"));
        assert!(!exempt("https://api.example.com", ""));
    }

    #[test]
    fn a_proxys_password_is_not_shown() {
        let proxy = "http://alice:secret@proxy.example.com:3128"
            .parse()
            .unwrap();
        assert_eq!(shown(&proxy), "http://proxy.example.com:3128");
    }
}
