//! A call that did not reach its answer.

/// The connection broke during a call.
#[derive(Debug)]
pub(super) enum Failure {
    /// The worker has not seen the call, so it can be sent again.
    NotSent(String),
    /// The worker may have seen the call.
    Lost(String),
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        // A refused stream was not processed (RFC 9113, 8.7), nor was a stream that a GOAWAY leaves
        // out. h2 reports a GOAWAY without an error code only to those streams.
        let left_out =
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
        if left_out || error.reason() == Some(h2::Reason::REFUSED_STREAM) {
            Self::NotSent(error.to_string())
        } else {
            Self::Lost(error.to_string())
        }
    }
}
