//! How a call reaches another process. The driver registers it: this folder does not know how the
//! bytes travel.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{
    codec::{Codec, Encoded},
    error::Error,
    function::Function,
    shape::Signature,
};

/// Sends calls to a worker.
pub(crate) trait Transport: Send + Sync {
    /// Limit of the arguments or of the result of a call, in bytes.
    fn body_limit(&self) -> usize;

    /// The types of a function.
    fn types(&self, function: &'static Function) -> Arc<Signature>;

    /// Sends a call and returns its encoded result.
    fn send(&'static self, function: &'static Function, args: Encoded) -> Answer;
}

/// The encoded result of a call, later.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<(Bytes, Codec), Error>> + Send>>;

static TRANSPORT: OnceLock<&'static dyn Transport> = OnceLock::new();

/// From here on the calls of this process go through `transport`. A second one is ignored.
pub(crate) fn register(transport: &'static dyn Transport) {
    let _ = TRANSPORT.set(transport);
}

/// The transport of this process; `None` if its calls run in place.
pub(super) fn registered() -> Option<&'static dyn Transport> {
    TRANSPORT.get().copied()
}
