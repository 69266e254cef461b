//! The gate: calls that use a value, and a move of the value.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use loom::{cell::UnsafeCell, thread};

use super::gate::Gate;
use crate::sync::{block_on, in_every_order};

const LONG: Duration = Duration::from_secs(1);

/// A state's value, shared by old and new code: loom fails if a use and a move are not ordered.
#[derive(Default)]
struct Value(UnsafeCell<u32>);

impl Value {
    fn used(&self) -> u32 {
        // SAFETY: loom checks that no thread writes at the same time.
        self.0.with(|value| unsafe { *value })
    }

    fn moved(&self) {
        // SAFETY: loom checks that no other thread uses the value at the same time.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }
}

fn call(gate: &Arc<Gate>, value: &Arc<Value>) -> thread::JoinHandle<u32> {
    let (gate, value) = (gate.clone(), value.clone());
    thread::spawn(move || {
        let inside = block_on(gate.enter());
        let used = value.used();
        drop(inside);
        used
    })
}

/// No call uses a value during its move, each call enters eventually, and the move does not wait
/// for a finished call.
pub fn calls_and_a_move_do_not_overlap() {
    in_every_order(|| {
        let (gate, value) = (Arc::<Gate>::default(), Arc::<Value>::default());
        let calls = [call(&gate, &value), call(&gate, &value)];
        let closed = gate.close(LONG);
        assert!(closed.is_ok(), "no time passes");
        value.moved();
        drop(closed);
        for call in calls {
            let _ = call.join().unwrap();
        }
    });
}

/// A driver's call waits for a task that calls: neither keeps the gate from closing, and the task's
/// later call waits for the move.
pub fn a_task_that_a_call_waits_for_passes_the_gate() {
    in_every_order(|| {
        let (gate, value) = (Arc::<Gate>::default(), Arc::<Value>::default());
        let inside = block_on(gate.enter());
        let task = thread::spawn({
            let (gate, value) = (gate.clone(), value.clone());
            move || {
                for _ in 0..2 {
                    let inside = block_on(gate.enter_from(None));
                    value.used();
                    drop(inside);
                }
            }
        });
        let call = thread::spawn({
            let value = value.clone();
            move || {
                value.used();
                drop(inside);
            }
        });
        let closed = gate.close(LONG);
        assert!(closed.is_ok(), "no time passes");
        value.moved();
        drop(closed);
        call.join().unwrap();
        task.join().unwrap();
    });
}

/// A move that is abandoned or finished admits all calls again.
pub fn an_abandoned_move_admits_calls() {
    in_every_order(|| {
        let (gate, value) = (Arc::<Gate>::default(), Arc::<Value>::default());
        let calls = [call(&gate, &value), call(&gate, &value)];
        if gate.close(Duration::ZERO).is_ok_and(|_closed| {
            value.moved();
            true
        }) {
            assert_eq!(value.used(), 1);
        }
        for call in calls {
            let _ = call.join().unwrap();
        }
    });
}

/// The gate does not wait for a call that was dropped before it entered.
pub fn a_call_dropped_at_the_gate_is_not_counted() {
    in_every_order(|| {
        let gate = Arc::<Gate>::default();
        let dropped = thread::spawn({
            let gate = gate.clone();
            move || {
                let mut entering = pin!(gate.enter());
                let mut context = Context::from_waker(Waker::noop());
                entering.as_mut().poll(&mut context).is_ready()
            }
        });
        for _ in 0..2 {
            assert!(gate.close(LONG).is_ok());
        }
        dropped.join().unwrap();
        drop(block_on(gate.enter()));
    });
}

/// A gate that stays closed after its guard is opened explicitly.
pub fn a_gate_kept_closed_can_be_opened() {
    in_every_order(|| {
        let (gate, value) = (Arc::<Gate>::default(), Arc::<Value>::default());
        let call = call(&gate, &value);
        let Ok(closed) = gate.close(LONG) else {
            unreachable!("no time passes")
        };
        closed.keep();
        value.moved();
        gate.open();
        call.join().unwrap();
    });
}
