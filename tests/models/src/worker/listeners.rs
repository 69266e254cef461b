//! The backlog of a driver that listens: whoever prints waits for it, and it for output.

use std::time::Duration;

use bytes::Bytes;
use loom::thread;

use super::backlog::{self, BACKLOG, Piece, Sink};
use crate::{
    sync::{Thread, block_on, in_every_order},
    wire::data::Stream,
};

const STOPPED: Duration = Duration::from_secs(1);

/// So large that with one of them nothing else has room.
static LARGE: [u8; BACKLOG + 1] = [0; BACKLOG + 1];

/// What the output's thread does: it waits without an end, which the worker does not.
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

/// Everything arrives, in its order, and neither end sleeps while it is the other's turn.
pub fn a_driver_gets_all_that_is_printed() {
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

/// A driver that goes holds nobody up.
pub fn a_driver_that_goes_lets_go_on_who_prints() {
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
