//! The version and clock of an API server.

use http::Request;
use kube::client::Body;
use serde::Deserialize;

use super::{AccessError, Cluster};

/// Version and clock of an API server.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    /// `v1.35.1`
    pub version: String,
    pub major: String,
    pub minor: String,
    /// How far its clock is ahead of this machine's, in whole seconds; `None` if it is unknown.
    pub ahead: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
    major: String,
    minor: String,
}

impl Cluster {
    /// Queries version and time. Every user is allowed to: role `system:public-info-viewer`.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn server_facts(&self) -> Result<ServerFacts, AccessError> {
        let asking = async {
            let request = Request::get("/version").body(Body::empty());
            let request = request.map_err(kube::Error::HttpError)?;
            let response = self.client.send(request).await?;
            // Read the clock before the body, which may take long.
            let ahead = response.headers().get(http::header::DATE);
            let ahead = ahead.and_then(|date| ahead_of_us(date.to_str().ok()?));
            let bytes = response.into_body().collect_bytes().await?;
            let version: Version =
                serde_json::from_slice(&bytes).map_err(kube::Error::SerdeError)?;
            Ok(ServerFacts {
                version: version.git_version,
                major: version.major,
                minor: version.minor,
                ahead,
            })
        };
        let what = serde_json::json!({"kind": "version"});
        self.ask("get", &what, asking).await
    }
}

/// Parses the date of an HTTP header, which has whole seconds (RFC 9110, 5.6.7).
fn ahead_of_us(date: &str) -> Option<i64> {
    let server = jiff::fmt::rfc2822::parse(date)
        .ok()?
        .timestamp()
        .as_second();
    Some(server - jiff::Timestamp::now().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_header_is_parsed() {
        let ahead = ahead_of_us("Sun, 06 Nov 1994 08:49:37 GMT").expect("RFC 9110's own example");
        assert!(ahead < -900_000_000, "{ahead}");
        assert_eq!(ahead_of_us("yesterday"), None);
    }
}
