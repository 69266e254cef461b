//! The flush before an answer: a call's output is written before its answer.

use std::sync::Arc;

use loom::{sync::Mutex, thread};

use super::flush::Flush;
use crate::sync::in_every_order;

/// Bytes that each call has printed: buffered, and written out.
#[derive(Default)]
struct Printed {
    held: Mutex<[u32; 3]>,
    out: Mutex<[u32; 3]>,
}

impl Printed {
    fn print(&self, call: usize) {
        self.held.lock().unwrap()[call] += 1;
    }

    fn write_out(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        for (out, held) in self.out.lock().unwrap().iter_mut().zip(held) {
            *out += held;
        }
    }

    fn is_out(&self, call: usize) -> bool {
        self.out.lock().unwrap()[call] == 1
    }
}

/// After `pass`, a call's own output is written, by whichever call.
pub fn output_of_a_call_precedes_its_answer() {
    in_every_order(|| {
        let shared = Arc::new((Flush::default(), Printed::default()));
        let call = |index: usize| {
            let shared = shared.clone();
            move || {
                let (flush, printed) = &*shared;
                printed.print(index);
                flush.pass(|| printed.write_out());
                assert!(printed.is_out(index));
            }
        };
        let others = [1, 2].map(|index| thread::spawn(call(index)));
        call(0)();
        for other in others {
            other.join().unwrap();
        }
    });
}
