//! Gives states other values, all of them or none.

use std::{ptr::NonNull, time::Instant};

use super::{
    Registry,
    requests::{PATIENCE, refused},
    transfer::Stopped,
};
use crate::{
    state::abilities::{Exchange, Made},
    wire::state::StateRefused,
};

/// A value that changes where it lies.
struct InPlace {
    key: &'static str,
    value: NonNull<()>,
    exchange: Exchange,
    /// Of the same type; the former value afterwards.
    other: Made,
}

impl Registry {
    /// Gives states other values: in place where a cell can be asked to, so that whoever looks at it sees it, else by pointing
    /// the handle elsewhere. No state may be there twice.
    ///
    /// # Errors
    /// If a lock is held for too long: then all have their former values. If a former value's destructor panics.
    pub(super) fn put(&mut self, values: Vec<(&'static str, Made)>) -> Result<(), StateRefused> {
        let (mut in_place, mut elsewhere) = (Vec::new(), Vec::new());
        for (key, other) in values {
            let held = &self.held[key];
            match held.abilities.exchange {
                Some(exchange) if other.has_value() => in_place.push(InPlace {
                    key,
                    value: held.value,
                    exchange,
                    other,
                }),
                _ => elsewhere.push((key, other)),
            }
        }
        exchange_all(&mut in_place, Instant::now() + PATIENCE)
            .map_err(|key| refused(key, Stopped::Stuck))?;
        for (key, other) in elsewhere {
            let descriptor = self.held[key].descriptor;
            let value = other.leak().unwrap_or_else(|| self.fresh(descriptor));
            if let Some(held) = self.held.get_mut(key) {
                held.value = value;
                held.show();
            }
        }
        let mut done = Ok(());
        for InPlace { key, other, .. } in in_place {
            if let Err(panic) = crate::fault::catch(|| drop(other)) {
                done = Err(StateRefused::Failed {
                    key: key.to_owned(),
                    path: String::new(),
                    reason: format!(
                        "it has its new value, and the destructor of the old one panicked: {}",
                        panic.message
                    ),
                });
            }
        }
        done
    }
}

/// Exchanges values once all their locks are held. On an error, the key of one that could not be locked, none was.
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
