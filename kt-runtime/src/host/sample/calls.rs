//! Assigns calls to threads at the moment of a sample, from the worker's reports before and after
//! it.

use std::collections::HashMap;

use crate::wire::{
    calls::{CallPlace, CallPlaces},
    sample::{CallStack, CallWhere},
};

/// The calls that ran before and after the sample. `after` is `None` if the worker did not answer.
pub fn compare(before: CallPlaces, after: Option<CallPlaces>) -> Vec<CallStack> {
    let known = after.is_some();
    let after = after.unwrap_or_default();
    let numbers = after.calls.calls.iter().map(|call| call.call.number);
    let later: HashMap<u64, CallPlace> = numbers.zip(after.places).collect();
    let calls = before.calls.calls.into_iter().zip(before.places);
    let compared = calls.filter_map(|(call, place)| {
        let later = later.get(&call.call.number);
        // It has ended.
        if known && later.is_none() {
            return None;
        }
        let stayed = later.is_some_and(|it| (it.turns, it.thread) == (place.turns, place.thread));
        let place = match place.thread {
            Some(thread) if stayed => CallWhere::Thread(thread),
            None if stayed || later.is_none() => CallWhere::Waits(place.waits),
            _ => CallWhere::Moved,
        };
        Some(CallStack { call, place })
    });
    compared.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        Generation,
        calls::{CallInFlight, CallName, CallsInFlight, Waits},
    };

    fn places(of: &[(u64, u64, Option<u32>)]) -> CallPlaces {
        let call = |&(number, ..): &(u64, u64, Option<u32>)| CallInFlight {
            call: CallName {
                number,
                generation: Generation(1),
                function: "app::f".into(),
            },
            age_ms: 1,
        };
        let place = |&(_, turns, thread): &(u64, u64, Option<u32>)| CallPlace {
            turns,
            thread,
            waits: Waits::NotAsked,
        };
        CallPlaces {
            calls: CallsInFlight {
                calls: of.iter().map(call).collect(),
                more: 0,
            },
            places: of.iter().map(place).collect(),
        }
    }

    #[test]
    fn a_call_is_on_a_thread_only_if_it_stayed_there() {
        let before = places(&[
            (1, 1, Some(7)),
            (2, 1, Some(8)),
            (3, 1, None),
            (4, 1, None),
            (5, 1, Some(9)),
        ]);
        // The second began again on the same thread, the fourth has begun to run, the fifth has
        // ended, the sixth is new.
        let after = places(&[
            (1, 1, Some(7)),
            (2, 2, Some(8)),
            (3, 1, None),
            (4, 2, Some(9)),
            (6, 1, Some(9)),
        ]);
        let found = compare(before, Some(after)).into_iter();
        let found: Vec<_> = found.map(|it| (it.call.call.number, it.place)).collect();
        assert_eq!(
            found,
            [
                (1, CallWhere::Thread(7)),
                (2, CallWhere::Moved),
                (3, CallWhere::Waits(Waits::NotAsked)),
                (4, CallWhere::Moved),
            ]
        );
    }

    #[test]
    fn without_a_second_report_threads_are_unknown() {
        let found = compare(places(&[(1, 1, Some(7)), (2, 1, None)]), None);
        let found: Vec<_> = found.into_iter().map(|it| it.place).collect();
        assert_eq!(found, [CallWhere::Moved, CallWhere::Waits(Waits::NotAsked)]);
    }
}
