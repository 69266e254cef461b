//! A client for an API server, built from kube's own parts, but with `TCP_NODELAY`.
//!
//! kube's connections leave Nagle's algorithm on (RFC 896). A call and the HTTP/2 frames before it
//! are two small writes. The second would wait for the peer's delayed acknowledgment: 40 ms, for
//! one call in thirty.

use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{
            Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::TokioExecutor,
};
use kube::{
    Client, Config, Error,
    client::{Body, ClientBuilder, ConfigExt, retry::RetryPolicy},
};
use tower::{BoxError, Service, ServiceBuilder, retry::RetryLayer};

/// Creates a client for the cluster of a configuration.
///
/// # Errors
/// If its credentials or its proxy are invalid.
pub(super) fn client(config: Config, connect: Duration) -> Result<Client, Error> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect));
    let Some(proxy) = config.proxy_url.clone() else {
        return over(connector, &config);
    };
    // kube alone handles a proxy's credentials; the delay remains.
    if proxy
        .authority()
        .is_some_and(|it| it.as_str().contains('@'))
    {
        return Client::try_from(config);
    }
    match proxy.scheme_str() {
        Some("socks5") => over(SocksV5::new(proxy, connector), &config),
        Some("http") => over(Tunnel::new(proxy, connector), &config),
        Some("https") => {
            let connector = config.rustls_https_connector_with_connector(connector)?;
            over(Tunnel::new(proxy, connector), &config)
        }
        _ => Err(Error::ProxyProtocolUnsupported {
            proxy_url: Box::new(proxy),
        }),
    }
}

fn over<C>(connector: C, config: &Config) -> Result<Client, Error>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service, &config.default_namespace).build())
}
