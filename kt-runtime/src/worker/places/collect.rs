//! The answer to where all calls are.

use std::sync::Arc;

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Place, Told};
use crate::{
    fault::located,
    wire::{
        calls::{CallPlace, CallPlaces, CallsInFlight, Waits},
        limits,
    },
};

/// Says where calls are. If `trace` is set it has those polled that no thread runs, and waits for at most [`limits::TRACE`].
pub(in crate::worker) async fn collect(
    calls: CallsInFlight,
    places: &[Arc<Place>],
    trace: bool,
) -> CallPlaces {
    let mut found: Vec<_> = places.iter().map(|place| place.look()).collect();
    if trace {
        let (sender, mut told) = mpsc::unbounded_channel();
        for (index, place) in places.iter().enumerate() {
            if found[index].thread.is_none() && place.ask(index, sender.clone()) {
                found[index].waits = Waits::NotPolled;
            }
        }
        // Each place that was asked holds a clone.
        drop(sender);
        let deadline = Instant::now() + limits::TRACE;
        let mut room = limits::WAITING_FRAMES;
        while let Ok(Some(told)) = timeout_at(deadline, told.recv()).await {
            let Told { index, turns, ways } = told;
            let frames = ways.iter().map(Vec::len).sum();
            let waits = match room.checked_sub(frames) {
                None => Waits::NoRoom,
                Some(left) => {
                    room = left;
                    Waits::At(ways.iter().map(|way| located(way)).collect())
                }
            };
            // The poll that told it may not have returned yet.
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
