//! Replaces the values of states, all of them or none.

use std::{ptr::NonNull, time::Instant};

use super::{
    Registry,
    requests::{LOCK_TIMEOUT, refused},
    transfer::Stopped,
};
use crate::{
    state::vtable::{BoxedValue, Exchange},
    wire::state::StateRefused,
};

/// A value that is replaced in place.
struct InPlace {
    key: &'static str,
    value: NonNull<()>,
    exchange: Exchange,
    /// Of the same type; holds the former value afterwards.
    other: BoxedValue,
}

impl Registry {
    /// Replaces the values of states: in place where a cell supports it, so that all references see
    /// the new value, otherwise by pointing the handle at the new value. Each state occurs once.
    ///
    /// # Errors
    /// If a lock is held for too long: then no state changes. If a former value's destructor
    /// panics.
    pub(super) fn put(
        &mut self,
        values: Vec<(&'static str, BoxedValue)>,
    ) -> Result<(), StateRefused> {
        let (mut in_place, mut moved) = (Vec::new(), Vec::new());
        for (key, other) in values {
            let live = &self.live[key];
            match live.vtable.exchange {
                Some(exchange) if other.has_value() => in_place.push(InPlace {
                    key,
                    value: live.value,
                    exchange,
                    other,
                }),
                _ => moved.push((key, other)),
            }
        }
        exchange_all(&mut in_place, Instant::now() + LOCK_TIMEOUT)
            .map_err(|key| refused(key, Stopped::Stuck))?;
        for (key, other) in moved {
            let descriptor = self.live[key].descriptor;
            let value = other.leak().unwrap_or_else(|| self.fresh(descriptor));
            if let Some(live) = self.live.get_mut(key) {
                live.value = value;
                live.show();
            }
        }
        let mut done = Ok(());
        for InPlace { key, other, .. } in in_place {
            if let Err(panic) = crate::fault::catch(|| drop(other)) {
                done = Err(StateRefused::Failed {
                    key: key.to_owned(),
                    path: String::new(),
                    reason: format!(
                        "the new value is set, but the destructor of the old one panicked: {}",
                        panic.message
                    ),
                });
            }
        }
        done
    }
}

/// Exchanges values once all their locks are held. On an error, no value changes, and the key of a
/// state that could not be locked is returned.
fn exchange_all(values: &mut [InPlace], until: Instant) -> Result<(), &'static str> {
    let Some((first, rest)) = values.split_first_mut() else {
        return Ok(());
    };
    let mut others = Ok(());
    // SAFETY: both are of one type, by `Registry::put`.
    let exchanged = unsafe {
        (first.exchange)(first.value, &mut first.other, until, &mut || {
            others = exchange_all(rest, until);
            others.is_ok()
        })
    };
    exchanged.map_err(|_| first.key)?;
    others
}
