//! The backlog of a driver that receives output: the output thread waits for the driver, and the
//! driver waits for output.

use std::time::Duration;

use bytes::Bytes;
use loom::thread;

use super::backlog::{self, BACKLOG, Piece, Sink};
use crate::{
    sync::{Thread, block_on, in_every_order},
    wire::data::Stream,
};

const STOPPED: Duration = Duration::from_secs(1);

/// Fills the backlog: no other piece fits beside it.
static LARGE: [u8; BACKLOG + 1] = [0; BACKLOG + 1];

/// The output thread. It waits without a timeout, unlike the worker's.
fn print(printer: &Thread, sink: &Sink, pieces: u64) -> bool {
    (1..=pieces).all(|position| {
        while sink.wait().is_some() {
            printer.park();
        }
        sink.give(Piece {
            stream: Stream::Stdout,
            position,
            logged: position,
            bytes: Bytes::from_static(&LARGE),
            breakpoint: None,
        })
    })
}

/// All output arrives in order, and neither side sleeps while the other waits for it.
pub fn a_driver_receives_all_output() {
    const PIECES: u64 = 3;
    in_every_order(|| {
        let printer = Thread::default();
        let (sink, mut taker) = backlog::channel(printer.clone(), STOPPED);
        let taking = thread::spawn(move || {
            block_on(async {
                for position in 1..=PIECES {
                    let piece = taker.next().await;
                    assert_eq!((piece.position, piece.bytes.len()), (position, LARGE.len()));
                }
            });
        });
        assert!(print(&printer, &sink, PIECES) || !sink.is_open());
        taking.join().unwrap();
    });
}

/// A driver that disconnects does not block output.
pub fn a_disconnected_driver_does_not_block_output() {
    in_every_order(|| {
        let printer = Thread::default();
        let (sink, mut taker) = backlog::channel(printer.clone(), STOPPED);
        let taking = thread::spawn(move || {
            block_on(taker.next());
        });
        print(&printer, &sink, 3);
        taking.join().unwrap();
    });
}
