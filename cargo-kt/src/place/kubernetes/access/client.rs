//! The way to an API server, made of kube's own parts with one difference: what is small is sent at once.
//!
//! kube's connections leave Nagle's algorithm on (RFC 896). A call and what HTTP/2 has to say before it are two small writes, and
//! the second would wait for the other side's delayed acknowledgement: 40 ms, for one call in thirty.

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

/// A client for the cluster of a configuration.
///
/// # Errors
/// If its credentials or its proxy cannot be used.
pub(super) fn client(config: Config, connect: Duration) -> Result<Client, Error> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect));
    let Some(proxy) = config.proxy_url.clone() else {
        return over(connector, &config);
    };
    // Its credentials are kube's business, and the delay then the price of them.
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
