//! The parts of a request that are the same for all calls of a function, computed once: tracing the
//! types can take longer than the rest of a call.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use http::Request;

use super::Driver;
use crate::{
    codec::Codec,
    function::Function,
    quiet,
    shape::Signature,
    wire::{
        client,
        data::{CALL, header, key_value},
    },
};

#[derive(Debug, Default)]
pub(super) struct Heads(RwLock<HashMap<&'static str, Known>>);

/// One function.
#[derive(Debug, Clone)]
struct Known {
    types: Arc<Signature>,
    /// With arguments in [`Codec::Compact`], as in most calls.
    request: Request<()>,
}

impl Heads {
    pub(super) fn types(&self, driver: &Driver, function: &'static Function) -> Arc<Signature> {
        self.with(driver, function, |known| Arc::clone(&known.types))
    }

    pub(super) fn of(
        &self,
        driver: &Driver,
        function: &'static Function,
        codec: Codec,
    ) -> Box<Request<()>> {
        let mut request = self.with(driver, function, |known| Box::new(known.request.clone()));
        if codec != Codec::Compact {
            request
                .headers_mut()
                .insert(&header::CONTENT_TYPE, codec.value());
        }
        request
    }

    fn with<T>(
        &self,
        driver: &Driver,
        function: &'static Function,
        look: impl Fn(&Known) -> T,
    ) -> T {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(function.key) {
            return look(known);
        }
        drop(known);
        // Not under the lock: this runs the user's `Deserialize`.
        let known = Known::new(driver, function);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        look(all.entry(function.key).or_insert(known))
    }
}

impl Known {
    fn new(driver: &Driver, function: &'static Function) -> Self {
        let types = Arc::new(quiet::aloud(function.types));
        let mut request = client::post(CALL);
        let headers = request.headers_mut();
        // Without a key the worker answers that it has no such function.
        if let Some(key) = key_value(function.key) {
            headers.insert(&header::FUNCTION, key);
        }
        headers.insert(&header::CONTENT_TYPE, Codec::Compact.value());
        headers.insert(&header::GENERATION, driver.config.generation.0.into());
        if let Some(shape) = types.shape {
            headers.insert(&header::SHAPE, shape.into());
        }
        Self { types, request }
    }
}
