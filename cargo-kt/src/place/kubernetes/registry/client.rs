//! Requests to one repository of a registry, with authentication and limits.
//!
//! Source: <https://github.com/opencontainers/distribution-spec>, and for tokens
//! <https://distribution.github.io/distribution/spec/auth/>.

use std::time::Duration;

use reqwest::{
    StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LINK, WWW_AUTHENTICATE},
    redirect::Policy,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    challenge::Challenge,
    credentials::Credentials,
    docker_config::DockerConfig,
    error::Unanswered,
    reference::{Reference, is_loopback},
};

/// Timeout of a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Registries redirect blobs to a storage service, some of them twice.
const REDIRECTS: usize = 4;
/// Maximum size of an error or a token. Clouds issue tokens of several kilobytes.
const SMALL: usize = 128 << 10;
/// Identifies the program to a token service.
const CLIENT: &str = "cargo-kt";

/// A client for one repository.
pub struct Client<'a> {
    http: reqwest::Client,
    reference: &'a Reference,
    config: DockerConfig,
    authorization: Option<HeaderValue>,
}

/// An answer within its limit.
pub struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
    /// The path of the next page of a list.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Client<'a> {
    /// # Errors
    /// If the machine's root certificates cannot be read.
    pub fn new(reference: &'a Reference, config: DockerConfig) -> Result<Self, Unanswered> {
        // kube uses ring too, and may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("cargo-kt/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .referer(false)
            .redirect(Policy::limited(REDIRECTS));
        let builder = match reference.is_loopback() {
            true => builder.no_proxy(),
            false => builder.https_only(true),
        };
        Ok(Self {
            http: builder.build()?,
            reference,
            config,
            authorization: None,
        })
    }

    /// Requests a path below `/v2/REPOSITORY/`. If the registry requires authentication, the request
    /// is repeated once.
    ///
    /// # Errors
    /// If the registry does not answer, denies access, or answers with more than `limit` bytes.
    pub async fn get(
        &mut self,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, Unanswered> {
        let (api, repository) = (self.reference.api(), self.reference.repository());
        self.get_url(&format!("{api}/v2/{repository}/{path}"), accept, limit)
            .await
    }

    /// As [`get`](Self::get), for the path of a next page.
    ///
    /// # Errors
    /// As [`get`](Self::get), or if the page is another server's.
    pub async fn get_next(&mut self, next: &str, limit: usize) -> Result<Answer, Unanswered> {
        let api = self.reference.api();
        let url = Url::parse(&api).and_then(|base| base.join(next));
        let url = url.map_err(|_| Unanswered::Invalid("link"))?;
        if url.origin().ascii_serialization() != api {
            return Err(Unanswered::Invalid("link"));
        }
        self.get_url(url.as_str(), "application/json", limit).await
    }

    async fn get_url(
        &mut self,
        url: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, Unanswered> {
        let mut response = self.send(url, accept).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenge = Challenge::of(challenges.filter_map(|it| it.to_str().ok()));
            let challenge = challenge.ok_or(Unanswered::Challenge)?;
            self.authorization = Some(self.authorize(challenge).await?);
            response = self.send(url, accept).await?;
        }
        if matches!(
            response.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            return Err(Unanswered::Denied);
        }
        let (status, next) = (response.status(), next_page(response.headers()));
        let limit = if status.is_success() { limit } else { SMALL };
        let body = read(response, limit).await?;
        Ok(Answer { status, body, next })
    }

    async fn send(&self, url: &str, accept: &str) -> Result<reqwest::Response, Unanswered> {
        let mut request = self.http.get(url).header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        Ok(request.send().await?)
    }

    /// The value of the header `Authorization` that answers a challenge.
    async fn authorize(&self, challenge: Challenge) -> Result<HeaderValue, Unanswered> {
        let key = self.reference.credentials_key();
        let credentials = self.config.credentials(key).await?;
        tracing::debug!(?credentials, "the registry requires authentication");
        match (challenge, credentials) {
            (Challenge::Bearer { realm, service }, credentials) => {
                let service = service.unwrap_or_default();
                let token = self.token(&realm, &service, credentials).await?;
                secret(&format!("Bearer {token}"))
            }
            (Challenge::Basic, Credentials::Password { user, password }) => {
                let request = self.http.get(self.reference.api());
                let request = request.basic_auth(user, Some(password)).build()?;
                let header = request.headers().get(AUTHORIZATION).cloned();
                header.ok_or(Unanswered::Denied)
            }
            (Challenge::Basic, _) => Err(Unanswered::Denied),
        }
    }

    /// Requests a token that permits to pull from the repository.
    async fn token(
        &self,
        realm: &str,
        service: &str,
        credentials: Credentials,
    ) -> Result<String, Unanswered> {
        let mut url = Url::parse(realm).map_err(|_| Unanswered::Invalid("realm"))?;
        let local = self.reference.is_loopback() && url.host_str().is_some_and(is_loopback);
        if url.scheme() != "https" && !local {
            return Err(Unanswered::Unencrypted);
        }
        let scope = format!("repository:{}:pull", self.reference.repository());
        let request = match credentials {
            Credentials::IdentityToken(token) => {
                let mut form = url.clone();
                form.set_query(None);
                form.query_pairs_mut()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service)
                    .append_pair("client_id", CLIENT)
                    .append_pair("scope", &scope)
                    .append_pair("refresh_token", &token);
                let form = form.query().unwrap_or_default().to_owned();
                let kind = "application/x-www-form-urlencoded";
                self.http.post(url).header(CONTENT_TYPE, kind).body(form)
            }
            credentials => {
                url.query_pairs_mut()
                    .append_pair("service", service)
                    .append_pair("scope", &scope);
                match credentials {
                    Credentials::Password { user, password } => {
                        url.query_pairs_mut().append_pair("account", &user);
                        self.http.get(url).basic_auth(user, Some(password))
                    }
                    _ => self.http.get(url),
                }
            }
        };
        let response = request.send().await?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Unanswered::Denied),
            status if !status.is_success() => return Err(Unanswered::Status(status.as_u16())),
            _ => {}
        }
        let token: Token = json(&read(response, SMALL).await?, "token")?;
        let token = token.token.or(token.access_token);
        token.ok_or(Unanswered::Invalid("token"))
    }
}

/// Decodes a registry's answer. serde_json limits the depth to 128.
///
/// # Errors
/// If it has another form.
pub fn json<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T, Unanswered> {
    serde_json::from_slice(body).map_err(|_| Unanswered::Invalid(what))
}

fn secret(text: &str) -> Result<HeaderValue, Unanswered> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Unanswered::Invalid("token"))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Unanswered> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(Unanswered::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The target of `Link: </v2/app/tags/list?last=x>; rel="next"` (RFC 8288).
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, relation) = link.trim_start().strip_prefix('<')?.split_once('>')?;
    relation.contains("next").then(|| target.to_owned())
}
