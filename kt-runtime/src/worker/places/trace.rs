//! One more poll of a pending future, which shows what it waits for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    task::{Context, Poll},
};

use super::{Place, Report, Stacks};
use crate::{
    fault::FRAMES,
    sys::{unwind, waker},
};

/// Limit of concurrently pending futures recorded per call: a list of any length can be joined.
const STACKS: usize = 8;

/// Polls a future, and reports the stacks at which its waker was cloned.
pub(super) fn poll<F: Future>(
    place: &Place,
    work: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    let asker = place.waiting().asker.take();
    let Some((index, asker)) = asker else {
        return work.poll(context);
    };
    // The frames around this poll belong to the runtime and are the same for all.
    let around = unwind::trace(FRAMES).len();
    let stacks = Arc::new(Mutex::new(Some(Stacks::new())));
    let kept = {
        let stacks = Arc::clone(&stacks);
        move || {
            let mut stacks = stacks.lock().unwrap_or_else(PoisonError::into_inner);
            // The waker's holder may clone it later on another thread.
            let Some(stacks) = stacks.as_mut().filter(|stacks| stacks.len() < STACKS) else {
                return;
            };
            let mut stack = unwind::trace(FRAMES);
            stack.truncate(stack.len().saturating_sub(around));
            stacks.push(stack);
        }
    };
    let waker = waker::observed(context.waker().clone(), kept);
    let polled = work.poll(&mut Context::from_waker(&waker));
    let stacks = stacks.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Nothing to report for a call that has ended: dropping the sender shows it.
    if polled.is_pending() {
        let _ = asker.send(Report {
            index,
            turns: place.turns.load(Ordering::Relaxed),
            stacks: stacks.unwrap_or_default(),
        });
    }
    polled
}
