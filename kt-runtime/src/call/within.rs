//! Calls from code inside the worker.

use std::sync::Arc;

use super::{Pending, Value, in_place, remote};
use crate::fault::{RawPanic, catch};
use crate::{
    codec::{CodecError, ThreadKind, on_own_thread},
    error::{Error, Part},
    worker::{Newest, Worker},
};

/// Runs the newest generation's function. Usually that is the caller's own, and nothing is encoded.
pub(super) async fn make(worker: &Arc<Worker>, pending: Box<dyn Pending>) -> Result<Value, Error> {
    let function = pending.function();
    let nested = worker.enter(function).await;
    let newest = catch(|| worker.newest(&nested, function));
    let newest = newest.map_err(|panic| in_place::panicked(function.path(), panic))??;
    let Some(newest) = newest else {
        return in_place::run(function, nested.carry(pending.start())).await;
    };
    let Newest {
        function,
        caller,
        mut how,
    } = newest;
    let coded = |part, error: CodecError| error.into_call_error(function.path(), part);
    let panicked = |panic: RawPanic| in_place::panicked(function.path(), panic);
    let (pending, args) = remote::encode(pending, Arc::clone(&caller), how.limit)
        .await
        .map_err(|error| coded(Part::Arguments, error))?;
    let decode = pending.decoder();
    // The arguments' destructors are the caller's. They run before the function, as if it had taken
    // the arguments.
    drop(pending);
    how.codec = args.codec;
    let started = match catch(|| (function.invoke)(&args.bytes, ThreadKind::Task, &how)) {
        Ok(Err(CodecError::NeedsOwnThread)) => {
            let work = move || catch(|| (function.invoke)(&args.bytes, ThreadKind::Own, &how));
            on_own_thread(work)
                .await
                .map_err(|error| coded(Part::Arguments, error))?
        }
        started => started,
    };
    let started = started.map_err(panicked)?;
    let started = started.map_err(|error| coded(Part::Arguments, error))?;
    let result = in_place::run(function, nested.carry(started)).await?;
    let result = result.map_err(|error| coded(Part::Result, error))?;
    let decoded = remote::decoded(decode, caller, result.bytes.into(), result.codec).await;
    decoded.map_err(|error| coded(Part::Result, error))
}
