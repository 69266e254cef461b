//! Collects the places of all calls.

use std::sync::Arc;

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Place, Report};
use crate::{
    fault::located,
    wire::{
        calls::{CallPlace, CallPlaces, CallsInFlight, Waits},
        limits,
    },
};

/// Reports where calls are. With `trace`, polls those that no thread runs, and waits for at most
/// [`limits::TRACE`].
pub(in crate::worker) async fn collect(
    calls: CallsInFlight,
    places: &[Arc<Place>],
    trace: bool,
) -> CallPlaces {
    let mut found: Vec<_> = places.iter().map(|place| place.look()).collect();
    if trace {
        let (sender, mut reports) = mpsc::unbounded_channel();
        for (index, place) in places.iter().enumerate() {
            if found[index].thread.is_none() && place.ask(index, sender.clone()) {
                found[index].waits = Waits::NotPolled;
            }
        }
        // Each polled place holds a clone.
        drop(sender);
        let deadline = Instant::now() + limits::TRACE;
        let mut frames_left = limits::WAITING_FRAMES;
        while let Ok(Some(report)) = timeout_at(deadline, reports.recv()).await {
            let Report {
                index,
                turns,
                stacks,
            } = report;
            let frames: usize = stacks.iter().map(Vec::len).sum();
            let waits = match frames_left.checked_sub(frames) {
                None => Waits::NoRoom,
                Some(left) => {
                    frames_left = left;
                    Waits::At(stacks.iter().map(|stack| located(stack)).collect())
                }
            };
            // The poll that reported this may not have returned yet.
            found[index] = CallPlace {
                turns,
                thread: None,
                waits,
            };
        }
        for place in places {
            place.stop_asking();
        }
    }
    CallPlaces {
        calls,
        places: found,
    }
}
