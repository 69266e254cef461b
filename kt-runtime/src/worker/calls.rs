//! The calls of this process by number, and which of them may have written what is read from its
//! standard output.
//!
//! Output comes through pipes, which do not identify the writer. Two kinds of calls certainly did
//! not write it: those that ended before the pipe was last found empty, and those that begin after
//! it is read. So a call stays in the table after its end until a later check finds the pipes
//! empty. Output that is read before that check may be the call's.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::places::Place;
use crate::{
    function::path_of,
    sys::clock,
    wire::{
        Generation,
        calls::{CallInFlight, CallName, CallsInFlight, Source},
        data::Stream,
    },
};

/// Calls that a [`Source`] names. Further candidates are only counted.
const NAMED: usize = 8;
/// Ended calls that are kept one by one until the pipes have been checked.
const ENDED: usize = 64;
/// Calls that an answer describes: the oldest.
const DESCRIBED: usize = 1000;

/// All calls of this process, from drivers and from its own tasks. Every call is inserted and
/// removed, so both take constant time.
pub(super) struct Calls {
    /// The number of this worker.
    instance: u64,
    table: Mutex<Table>,
    /// Number of ended calls in the table, readable without its lock.
    ended: AtomicU64,
}

#[derive(Default)]
struct Table {
    /// The number of the latest call.
    last: u64,
    /// Each call has a slot while it runs.
    places: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// Oldest first.
    ended: Vec<Entry>,
    /// Ended calls that did not fit in `ended`.
    unnamed: u64,
}

#[derive(Clone)]
struct Entry {
    number: u64,
    key: &'static str,
    generation: Generation,
    /// Measured by the [coarse](clock::coarse) clock.
    begun: Duration,
    whereabouts: Arc<Place>,
}

/// A call, while its function runs.
pub(super) struct Call {
    calls: Arc<Calls>,
    place: usize,
    whereabouts: Arc<Place>,
}

/// The number of calls that had ended at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended(u64);

impl Calls {
    pub(super) fn new(instance: u64) -> Arc<Self> {
        Arc::new(Self {
            instance,
            table: Mutex::default(),
            ended: AtomicU64::new(0),
        })
    }

    /// Counts a call of the function with this key.
    pub(super) fn begin(self: &Arc<Self>, key: &'static str, generation: Generation) -> Call {
        let begun = clock::coarse();
        let whereabouts = Arc::<Place>::default();
        let mut table = self.table();
        table.last += 1;
        let entry = Entry {
            number: table.last,
            key,
            generation,
            begun,
            whereabouts: Arc::clone(&whereabouts),
        };
        let place = match table.free.pop() {
            Some(place) => {
                table.places[place] = Some(entry);
                place
            }
            None => {
                table.places.push(Some(entry));
                table.places.len() - 1
            }
        };
        Call {
            calls: Arc::clone(self),
            place,
            whereabouts,
        }
    }

    /// The calls that have ended so far. Call this before reading the pipes, and
    /// [`forget`](Self::forget) after it.
    pub(super) fn ended(&self) -> Ended {
        Ended(self.ended.load(Ordering::Acquire))
    }

    /// Removes calls that had ended before the pipes were found empty.
    pub(super) fn forget(&self, ended: Ended) {
        if ended.0 == 0 {
            return;
        }
        let mut table = self.table();
        let named = usize::try_from(ended.0).unwrap_or(usize::MAX);
        let named = named.min(table.ended.len());
        table.ended.drain(..named);
        table.unnamed = table.unnamed.saturating_sub(ended.0 - named as u64);
        self.count_ended(&table);
    }

    /// Call with the table locked: the count then matches the table.
    fn count_ended(&self, table: &Table) {
        let ended = table.ended.len() as u64 + table.unnamed;
        self.ended.store(ended, Ordering::Release);
    }

    /// The calls that may have written the output just read.
    pub(super) fn source(&self, stream: Stream) -> Source {
        let table = self.table();
        let all = (table.running() + table.ended.len()) as u64 + table.unnamed;
        let running = table.places.iter().flatten();
        let calls = table.ended.iter().chain(running).take(NAMED);
        let mut calls: Vec<CallName> = calls.map(Entry::name).collect();
        calls.sort_unstable_by_key(|call| call.number);
        Source {
            worker: self.instance,
            stream: Some(stream),
            unnamed: all - calls.len() as u64,
            calls: Some(calls),
        }
    }

    /// The calls that are running.
    pub(super) fn in_flight(&self) -> CallsInFlight {
        self.in_flight_with_places().0
    }

    /// The running calls, and the place of each.
    pub(super) fn in_flight_with_places(&self) -> (CallsInFlight, Vec<Arc<Place>>) {
        let mut running: Vec<Entry> = self.table().places.iter().flatten().cloned().collect();
        running.sort_unstable_by_key(|entry| entry.number);
        let now = clock::coarse();
        let calls = running.iter().take(DESCRIBED).map(|entry| CallInFlight {
            call: entry.name(),
            age_ms: u64::try_from(now.saturating_sub(entry.begun).as_millis()).unwrap_or(u64::MAX),
        });
        let calls = CallsInFlight {
            calls: calls.collect(),
            more: running.len().saturating_sub(DESCRIBED) as u64,
        };
        let places = running.iter().take(DESCRIBED);
        let places = places.map(|entry| Arc::clone(&entry.whereabouts));
        (calls, places.collect())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn running(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

impl Entry {
    fn name(&self) -> CallName {
        CallName {
            number: self.number,
            generation: self.generation,
            function: path_of(self.key).to_owned(),
        }
    }
}

impl Call {
    /// The place of the call.
    pub(super) fn whereabouts(&self) -> Arc<Place> {
        Arc::clone(&self.whereabouts)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut table = self.calls.table();
        let Some(entry) = table.places[self.place].take() else {
            return;
        };
        table.free.push(self.place);
        if table.ended.len() < ENDED && table.unnamed == 0 {
            table.ended.push(entry);
        } else {
            table.unnamed += 1;
        }
        self.calls.count_ended(&table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(calls: &Calls) -> Vec<u64> {
        let source = calls.source(Stream::Stdout);
        assert_eq!(source.unnamed, 0);
        let calls = source.calls.expect("a worker names its calls");
        calls.iter().map(|call| call.number).collect()
    }

    #[test]
    fn a_call_is_a_source_until_the_pipes_are_found_empty_after_its_end() {
        let calls = Calls::new(3);
        assert_eq!(numbers(&calls), [0_u64; 0]);
        let one = calls.begin("app/bin:app::one", Generation(2));
        assert_eq!(
            calls.source(Stream::Stderr).calls.unwrap()[0].function,
            "app::one"
        );
        drop(one);
        assert_eq!(numbers(&calls), [1], "the pipes were not checked since");
        let before = calls.ended();
        let two = calls.begin("app/bin:app::two", Generation(2));
        drop(two);
        calls.forget(before);
        assert_eq!(numbers(&calls), [2], "it ended during the check");
        calls.forget(calls.ended());
        assert_eq!(numbers(&calls), [0_u64; 0]);
    }

    #[test]
    fn more_calls_than_are_named_are_counted_and_forgotten_in_their_order() {
        let calls = Calls::new(1);
        for _ in 0..ENDED + 10 {
            drop(calls.begin("f", Generation(1)));
        }
        let running = calls.begin("f", Generation(1));
        let source = calls.source(Stream::Stdout);
        let named = source.calls.unwrap().len();
        assert_eq!(
            (named, source.unnamed),
            (NAMED, (ENDED + 11 - NAMED) as u64)
        );
        calls.forget(calls.ended());
        assert_eq!(numbers(&calls), [ENDED as u64 + 11]);
        let described = calls.in_flight();
        assert_eq!((described.calls.len(), described.more), (1, 0));
        drop(running);
        assert_eq!(calls.in_flight(), CallsInFlight::default());
    }
}
