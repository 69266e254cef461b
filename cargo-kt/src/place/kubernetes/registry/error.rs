/// Why a registry's answer is not known. It is only logged: the nodes may have other credentials,
/// another network, a mirror, or the image itself.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("the image's name is invalid")]
    Name,
    #[error("it took too long")]
    Timeout,
    #[error("the request failed: {0}")]
    Http(String),
    #[error("the registry answered with status {0}")]
    Status(u16),
    #[error("the registry denied access")]
    Denied,
    #[error("the registry requires an unknown kind of authentication")]
    Challenge,
    #[error("the token service would receive credentials without encryption")]
    Unencrypted,
    #[error("the program that stores credentials failed")]
    Helper,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("the answer is invalid: {0}")]
    Invalid(&'static str),
}

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        // Addresses of token services contain user names.
        Self::Http(format!("{:?}", error.without_url()))
    }
}
