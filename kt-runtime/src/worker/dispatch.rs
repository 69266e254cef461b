//! One call: from its request to its answer.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::{HeaderName, StatusCode, request::Parts};
use tokio::task::JoinError;

use super::{
    InFlight, Worker,
    breakpoint::Called,
    gate::Inside,
    generation::{Entry, Loaded, Running},
    origin::Origin,
    outbox::{Finished, Outbox},
};
use crate::{
    codec::{self, Codec, CodecError, Encoded, ThreadKind, on_own_thread},
    fault::{RawPanic, catch, catch_async},
    function::{Function, Invocation, Started},
    quiet::{self, Quiet},
    runtime,
    shape::Signature,
    wire::{
        Generation,
        data::{Fault, Part, header, key_of},
        http::BodyError,
        limits,
        server::{Exchange, unless_reset},
    },
};

impl Worker {
    /// Runs a call and answers it. If the caller resets the stream, the user's future is dropped.
    pub(super) async fn call(
        self: &Arc<Self>,
        exchange: Exchange,
        outbox: Outbox,
    ) -> Result<(), h2::Error> {
        let running = InFlight::of(self);
        let traced = exchange.head.headers.contains_key(&header::TRACED);
        let Exchange {
            head,
            body,
            mut answer,
        } = exchange;
        // In a block, so that the future which sends the answer does not store it too.
        let carried = {
            let work = pin!(async {
                if self.draining.load(Ordering::Acquire) {
                    return Err((Fault::Draining, None));
                }
                let limit = self.config.body_limit;
                let args = body
                    .collect(limit)
                    .await
                    .map_err(|error| (refused(error), None))?;
                let inside = self.gate.enter().await;
                if self.draining.load(Ordering::Acquire) {
                    return Err((Fault::Draining, None));
                }
                // From here on the call belongs to one generation, even if another is published
                // while it runs.
                let loaded = self.current().ok_or((Fault::Draining, None))?;
                let generation = loaded.generation;
                let result = self.invoke(loaded, head, args, limit, inside).await;
                result
                    .map(|result| (result, generation))
                    .map_err(|fault| (fault, Some(generation)))
            });
            unless_reset(&mut answer, work).await
        };
        let Some(carried) = carried else {
            return Ok(());
        };

        if traced {
            self.hint_at_subscriber();
        }
        let (status, generation, body) = match carried {
            Ok((result, generation)) => (StatusCode::OK, Some(generation), result),
            // A fault's text is bounded, so it always fits.
            Err((fault, generation)) => {
                let bytes = codec::encode(&fault, limits::CONTROL).unwrap_or_default();
                let codec = Codec::Compact;
                (status(&fault), generation, Encoded { bytes, codec })
            }
        };
        // This very call may have set a subscriber.
        Quiet::new(outbox.send(Finished {
            answer,
            status,
            generation,
            body: body.bytes.into(),
            codec: body.codec,
            running,
        }))
        .await
    }
}

impl Worker {
    /// Prints a note once if the program has a `tracing` subscriber but the worker has none.
    fn hint_at_subscriber(&self) {
        if !quiet::has_subscriber() && !self.hinted.swap(true, Ordering::Relaxed) {
            eprintln!(
                "kt: note: this program has a `tracing` subscriber, but the worker that runs its remote functions has none: their events are discarded\n\
                                 help: set a subscriber in a function with `#[kt::init]`, which runs when the worker starts"
            );
        }
    }

    async fn invoke(
        &self,
        loaded: Arc<Loaded>,
        head: Box<Parts>,
        args: Bytes,
        limit: usize,
        inside: Inside,
    ) -> Result<Encoded, Fault> {
        let key = key_of(&head.headers).unwrap_or_default();
        let function = loaded.function(key).ok_or_else(|| unknown(&loaded, key))?;
        let function = Arc::clone(function);
        // Counted while the function runs, which may be longer than the caller waits: it blocks
        // migrations until then.
        let call = self.calls.begin(function.function.key, loaded.generation);
        let place = call.whereabouts();
        let running = (inside, function.run(Arc::clone(&loaded), call));
        let called = Called(function.function.key);
        let begun = self.user.run(
            args.len(),
            Arc::clone(&function.pace),
            place.followed(called.scoped(
                Origin::Driver.scoped(begin(loaded, function, head, args, limit, running)),
            )),
        );
        let done = match begun.await.map_err(|error| unfinished(error, false))?? {
            Begun::Ended(done) => done,
            Begun::Plain(work, running) => {
                let work = move || called.scope(|| Origin::Driver.scope(|| catch(work)));
                let work = move || (place.run(work), running).0;
                let done = runtime::blocking_in(self.user.runtime(), work).await;
                done.map_err(|error| unfinished(error, true))?
            }
        };
        done.map_err(Fault::Panicked)?
            .map_err(|error| coded(Part::Result, error))
    }
}

/// A call that is counted while its function runs.
type Counted = (Inside, Running);

/// A function's encoded result.
type Coded = Result<Encoded, CodecError>;

/// The state of a call once its arguments are decoded.
enum Begun {
    /// An async function's result.
    Ended(Result<Coded, RawPanic>),
    /// A synchronous function, to run on a thread that may block.
    Plain(Box<dyn FnOnce() -> Coded + Send>, Counted),
}

/// The part of a call that runs user code and does not block. User `Deserialize` implementations
/// run here too: they may panic or take long.
async fn begin(
    loaded: Arc<Loaded>,
    called: Arc<Entry>,
    head: Box<Parts>,
    args: Bytes,
    limit: usize,
    running: Counted,
) -> Result<Begun, Fault> {
    let function = called.function;
    let types = catch(|| Arc::clone(called.types())).map_err(Fault::Panicked)?;
    agree(&loaded, function, &types, &head)?;
    let codec = Codec::of(&head.headers).map_err(|error| coded(Part::Arguments, error))?;
    let how = Invocation {
        types,
        codec,
        limit,
    };
    let started = match catch(|| (function.invoke)(&args, ThreadKind::Task, &how)) {
        Ok(Err(CodecError::NeedsOwnThread)) => {
            let work = move || catch(|| (function.invoke)(&args, ThreadKind::Own, &how));
            on_own_thread(work)
                .await
                .map_err(|error| coded(Part::Arguments, error))?
        }
        started => started,
    };
    let started = started.map_err(Fault::Panicked)?;
    match started.map_err(|error| coded(Part::Arguments, error))? {
        Started::Async(work) => Ok(Begun::Ended(catch_async(work).await)),
        Started::Plain(work) => Ok(Begun::Plain(work, running)),
    }
}

fn unknown(loaded: &Loaded, key: &str) -> Fault {
    Fault::UnknownFunction {
        nearest: loaded.nearest(key),
    }
}

/// The fault of a task that did not complete. Report a call as not executed only if that is
/// certain: the caller then repeats it.
fn unfinished(error: JoinError, plain: bool) -> Fault {
    match error.try_into_panic() {
        Ok(payload) => Fault::Panicked(RawPanic::from_payload(payload)),
        // Its runtime has shut down with the process. A synchronous function is not canceled once
        // it has begun.
        Err(_) if plain => Fault::Draining,
        Err(_) => Fault::Panicked(RawPanic::from_message(
            "the worker exited while the function ran".to_owned(),
        )),
    }
}

/// The fault for a value that this worker could not decode or encode.
fn coded(what: Part, error: CodecError) -> Fault {
    match error {
        CodecError::TooLarge { limit } => Fault::TooLarge {
            what,
            limit: limit as u64,
        },
        error => Fault::Codec {
            what,
            reason: match what {
                Part::Arguments => format!("the worker cannot decode them: {error}"),
                Part::Result => format!("the worker cannot encode it: {error}"),
            },
        },
    }
}

/// Whether caller and function agree on the types: they were built together, or their shapes are
/// equal.
fn agree(
    loaded: &Loaded,
    function: &'static Function,
    types: &Signature,
    head: &Parts,
) -> Result<(), Fault> {
    let number = |name: &HeaderName| head.headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let (wanted, serving) = (
        number(&header::GENERATION).map(Generation),
        loaded.generation,
    );
    if wanted == Some(serving) {
        return Ok(());
    }
    if wanted > Some(serving) {
        return Err(Fault::OldGeneration { serving });
    }
    match (number(&header::SHAPE), types.shape) {
        (Some(theirs), Some(ours)) if theirs == ours => Ok(()),
        _ => Err(Fault::ShapeMismatch {
            ours: function.signature.into(),
        }),
    }
}

fn refused(error: BodyError) -> Fault {
    match error {
        BodyError::TooLarge(limit) => Fault::TooLarge {
            what: Part::Arguments,
            limit: limit as u64,
        },
        BodyError::Http(error) => Fault::Codec {
            what: Part::Arguments,
            reason: error.to_string(),
        },
    }
}

fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::UnknownFunction { .. } => StatusCode::NOT_FOUND,
        Fault::ShapeMismatch { .. } | Fault::OldGeneration { .. } => StatusCode::CONFLICT,
        Fault::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Fault::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Fault::Codec { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Fault::Draining => StatusCode::SERVICE_UNAVAILABLE,
    }
}
