//! Calls that are carried out in the worker.

use std::time::Duration;

use super::{Pending, Value};
use crate::{
    driver::{self, Driver},
    error::{Error, Part},
};

/// Sends the call to the worker. The arguments live on until the answer is decoded, but only their encoding is sent.
pub(super) async fn make(
    driver: &Driver,
    pending: Box<dyn Pending>,
    timeout: Option<Duration>,
) -> Result<Value, Error> {
    let function = pending.function();
    let coded = |what, error| driver::codec_error(function.path(), what, error);
    let args = pending
        .encode(driver.body_limit())
        .map_err(|error| coded(Part::Arguments, error))?;
    let result = driver.call(function, args.into(), timeout).await?;
    pending
        .decode(&result)
        .map_err(|error| coded(Part::Result, error))
}
