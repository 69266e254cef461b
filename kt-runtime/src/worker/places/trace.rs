//! One more poll of a future that waits, which shows what it waits for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    task::{Context, Poll},
};

use super::{Place, Told, Ways};
use crate::{
    fault::FRAMES,
    sys::{unwind, waker},
};

/// Of a call, futures that it waits for at once. A list of any length can be joined.
const WAYS: usize = 8;

/// Polls a future, and tells who asked for it where each of those lies that kept its waker.
pub(super) fn poll<F: Future>(
    place: &Place,
    work: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    let asker = place.waiting().asker.take();
    let Some((index, asker)) = asker else {
        return work.poll(context);
    };
    // The frames around this poll are the runtime's, and the same for all.
    let around = unwind::trace(FRAMES).len();
    let ways = Arc::new(Mutex::new(Some(Ways::new())));
    let kept = {
        let ways = Arc::clone(&ways);
        move || {
            let mut ways = ways.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever keeps the waker may clone it later, and elsewhere.
            let Some(ways) = ways.as_mut().filter(|ways| ways.len() < WAYS) else {
                return;
            };
            let mut way = unwind::trace(FRAMES);
            way.truncate(way.len().saturating_sub(around));
            ways.push(way);
        }
    };
    let waker = waker::observed(context.waker().clone(), kept);
    let polled = work.poll(&mut Context::from_waker(&waker));
    let ways = ways.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Of a call that has ended there is nothing to tell: its asker sees that nobody has it any more.
    if polled.is_pending() {
        let _ = asker.send(Told {
            index,
            turns: place.turns.load(Ordering::Relaxed),
            ways: ways.unwrap_or_default(),
        });
    }
    polled
}
