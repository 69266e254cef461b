//! Calls that are carried out in the worker.

use std::time::Duration;

use super::{Pending, Value};
use crate::{
    driver::{self, Driver},
    error::{Error, Part},
    quiet::Quiet,
    wire::codec::{CodecError, Place, apart},
};

/// Sends the call to the worker. The arguments live on until the answer is decoded, but only their encoding is sent.
pub(super) async fn make(
    driver: &'static Driver,
    pending: Box<dyn Pending>,
    timeout: Option<Duration>,
) -> Result<Value, Error> {
    let function = pending.function();
    let coded = |what, error| driver::codec_error(function.path(), what, error);
    let limit = driver.body_limit();
    let types = driver.types(function);

    let encoded = pending.encode(&types.arguments, limit, Place::Task);
    let (pending, encoded) = match encoded {
        Err(CodecError::Elsewhere) => {
            let types = types.clone();
            let work = move || {
                let encoded = pending.encode(&types.arguments, limit, Place::Own);
                (pending, encoded)
            };
            apart(work)
                .await
                .map_err(|error| coded(Part::Arguments, error))?
        }
        encoded => (pending, encoded),
    };
    let args = encoded.map_err(|error| coded(Part::Arguments, error))?;
    let decode = pending.decoder();

    let call = driver.call(function, args.bytes.into(), args.codec, timeout);
    let (result, codec) = Quiet::new(call).await?;
    let decoded = match decode(&types.output, &result, codec, Place::Task) {
        Err(CodecError::Elsewhere) => {
            apart(move || decode(&types.output, &result, codec, Place::Own))
                .await
                .flatten()
        }
        decoded => decoded,
    };
    decoded.map_err(|error| coded(Part::Result, error))
}
