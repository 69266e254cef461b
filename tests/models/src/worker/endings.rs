//! The flush before an answer: what a call has printed is out when it is answered.

use std::sync::Arc;

use loom::{sync::Mutex, thread};

use super::flush::Flush;
use crate::sync::in_every_order;

/// Bytes that each call has printed: held back, and written out.
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

/// Whoever returns finds out what it printed before, whichever call's pass wrote it.
pub fn no_answer_overtakes_what_its_call_printed() {
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
