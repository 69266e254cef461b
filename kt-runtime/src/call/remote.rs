//! Calls that another process runs.

use std::sync::Arc;

use bytes::Bytes;

use super::{Decode, Pending, Transport, Value};
use crate::{
    codec::{Codec, CodecError, Encoded, ThreadKind, on_own_thread},
    error::{Error, Part},
    quiet::Quiet,
    shape::Signature,
};

/// Sends the call. The arguments are dropped after the answer is decoded; only their encoding is
/// sent.
pub(super) async fn make(
    transport: &'static dyn Transport,
    pending: Box<dyn Pending>,
) -> Result<Value, Error> {
    let function = pending.function();
    let coded = |part, error: CodecError| error.into_call_error(function.path(), part);
    let limit = transport.body_limit();
    let types = transport.types(function);

    let (pending, args) = encode(pending, types.clone(), limit)
        .await
        .map_err(|error| coded(Part::Arguments, error))?;
    let decode = pending.decoder();

    let call = transport.send(function, args);
    let (result, codec) = Quiet::new(call).await?;
    let decoded = decoded(decode, types, result, codec).await;
    decoded.map_err(|error| coded(Part::Result, error))
}

/// Encodes a call's arguments, on another thread if that takes long.
pub(super) async fn encode(
    pending: Box<dyn Pending>,
    types: Arc<Signature>,
    limit: usize,
) -> Result<(Box<dyn Pending>, Encoded), CodecError> {
    match pending.encode(&types.arguments, limit, ThreadKind::Task) {
        Err(CodecError::NeedsOwnThread) => {
            let work = move || {
                let encoded = pending.encode(&types.arguments, limit, ThreadKind::Own)?;
                Ok((pending, encoded))
            };
            on_own_thread(work).await.flatten()
        }
        encoded => Ok((pending, encoded?)),
    }
}

/// Decodes a call's result, on another thread if that takes long.
pub(super) async fn decoded(
    decode: Decode,
    types: Arc<Signature>,
    result: Bytes,
    codec: Codec,
) -> Result<Value, CodecError> {
    match decode(&types.output, &result, codec, ThreadKind::Task) {
        Err(CodecError::NeedsOwnThread) => {
            on_own_thread(move || decode(&types.output, &result, codec, ThreadKind::Own))
                .await
                .flatten()
        }
        decoded => decoded,
    }
}
