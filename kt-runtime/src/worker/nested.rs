//! Calls made by code in this process. They enter the newest generation, whichever the caller
//! belongs to.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{WORKER, Worker, gate::Inside, generation::Running, origin::Origin};
use crate::{
    error::Error,
    function::{Function, Invocation, Started},
    shape::Signature,
};

/// The types of functions of former generations, by the functions' addresses: objects are never
/// unloaded.
#[derive(Default)]
pub(super) struct FormerTypes(RwLock<HashMap<usize, Arc<Signature>>>);

impl FormerTypes {
    fn of(&self, function: &'static Function) -> Arc<Signature> {
        let address = std::ptr::from_ref(function).addr();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&address) {
            return Arc::clone(known);
        }
        drop(known);
        // Without the lock: the user's `Deserialize` runs here.
        let types = Arc::new((function.types)());
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(address).or_insert(types))
    }
}

/// An admitted call. Counted until it is dropped.
pub(crate) struct Nested {
    origin: Origin,
    counted: (Inside, Option<Running>),
    newest: Option<&'static Function>,
}

/// The newest generation's function that receives a call, and how the types of both sides are
/// encoded.
pub(crate) struct Newest {
    pub(crate) function: &'static Function,
    pub(crate) caller: Arc<Signature>,
    pub(crate) how: Invocation,
}

/// This process's worker, if it is one.
pub(crate) fn current() -> Option<&'static Arc<Worker>> {
    WORKER.get()
}

impl Worker {
    /// Admits a call.
    pub(crate) async fn enter(&self, function: &'static Function) -> Nested {
        let inside = self.gate.enter_from(Origin::current()).await;
        self.nested(function, inside)
    }

    /// Admits a call, unless it would have to wait.
    pub(crate) fn try_enter(&self, function: &'static Function) -> Option<Nested> {
        let inside = self.gate.try_enter_from(Origin::current())?;
        Some(self.nested(function, inside))
    }

    fn nested(&self, function: &'static Function, inside: Inside) -> Nested {
        let loaded = self.current();
        let entered = loaded
            .as_ref()
            .and_then(|loaded| Some((loaded, loaded.function(function.key)?)));
        // A driver's call is already registered by name; only background calls are added.
        let running = match inside.origin() {
            Origin::Driver => None,
            Origin::Background => entered.map(|(loaded, entry)| {
                let call = self.calls.begin(function.key, loaded.generation);
                entry.run(Arc::clone(loaded), call)
            }),
        };
        let entered = entered.map(|(_, entry)| entry.function);
        Nested {
            origin: inside.origin(),
            counted: (inside, running),
            // A function that was removed from the program stays the caller's version.
            newest: entered.filter(|newest| !std::ptr::eq(*newest, function)),
        }
    }

    /// Prepares a call of the newest function instead of the caller's version.
    ///
    /// # Errors
    /// If its types differ, or may differ: as for a driver of a former generation.
    pub(crate) fn newest(
        &self,
        nested: &Nested,
        function: &'static Function,
    ) -> Result<Option<Newest>, Error> {
        let Some(newest) = nested.newest else {
            return Ok(None);
        };
        let caller = self.former_types.of(function);
        let loaded = self.current();
        // The types of the entered generation. If another was published since, the cache of that
        // generation does not apply.
        let types = loaded
            .as_ref()
            .and_then(|loaded| loaded.function(newest.key))
            .filter(|entry| std::ptr::eq(entry.function, newest))
            .map(|entry| Arc::clone(entry.types()))
            .unwrap_or_else(|| self.former_types.of(newest));
        if caller.shape.is_none() || caller.shape != types.shape {
            return Err(Error::ShapeMismatch {
                function: newest.path().into(),
                here: function.signature.into(),
                there: newest.signature.into(),
                within: true,
            });
        }
        let limit = self.config.body_limit;
        let codec = crate::codec::Codec::Compact;
        Ok(Some(Newest {
            function: newest,
            caller,
            how: Invocation {
                types,
                codec,
                limit,
            },
        }))
    }
}

impl Nested {
    /// Whether another generation's function receives the call.
    pub(crate) fn leaves(&self) -> bool {
        self.newest.is_some()
    }

    /// Counts the function as running until it returns, even if the caller stops waiting.
    pub(crate) fn carry<T: Send + 'static>(self, started: Started<T>) -> Started<T> {
        let Self {
            origin, counted, ..
        } = self;
        // A nested call within a driver's call has the place of that call.
        let place = counted.1.as_ref().map(Running::whereabouts);
        match started {
            Started::Plain(work) => Started::Plain(Box::new(move || {
                let _counted = counted;
                match place {
                    Some(place) => place.run(|| origin.scope(work)),
                    None => origin.scope(work),
                }
            })),
            Started::Async(work) => {
                let work = origin.scoped(async move {
                    let _counted = counted;
                    work.await
                });
                Started::Async(match place {
                    Some(place) => Box::pin(place.followed(work)),
                    None => Box::pin(work),
                })
            }
        }
    }
}
