//! Stops threads of another process, copies what unwinding needs, and resumes them. Everything else
//! happens afterwards.
//!
//! Must run on a dedicated thread that exits afterwards: then the kernel detaches the threads that
//! did not stop in time.

use std::{
    collections::HashSet,
    fs::File,
    io,
    os::unix::fs::FileExt,
    thread,
    time::{Duration, Instant},
};

use super::threads;
use crate::{
    host::maps,
    sys::{
        clock,
        ptrace::{self, Registers, Stop},
    },
};

/// Time limit for stopping threads, and so for keeping them stopped.
const LONGEST: Duration = Duration::from_millis(30);
/// Bytes to copy of one thread's stack, from the stack pointer.
const STACK: usize = 256 << 10;
/// Limit of all copied stacks, in bytes: copying more would take too long.
const STACKS: usize = 64 << 20;
/// How often to search for threads that others started before they stopped.
const ROUNDS: usize = 3;
/// Pause between two checks of stopping threads. A thread that sleeps runs again sooner than one
/// that yields: on a busy machine yielding takes milliseconds.
const PAUSE: Duration = Duration::from_micros(20);

/// The result of a sample.
#[derive(Debug, Default)]
pub struct Capture {
    pub threads: Vec<Copied>,
    /// Threads that did not stop in time.
    pub missed: Vec<u32>,
    /// From the first thread's stop to the moment when all ran again.
    pub stood: Duration,
    /// CPU time of the sampling thread.
    pub processor: Duration,
}

/// A stopped thread.
#[derive(Debug)]
pub struct Copied {
    pub id: u32,
    pub registers: Registers,
    /// The stack from the stack pointer upwards.
    pub stack: Vec<u8>,
}

/// The threads to stop.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    These(&'a [u32]),
}

/// # Errors
/// `EPERM` if another process traces a thread, or tracing is forbidden; or if the process has
/// exited.
pub fn capture(pid: u32, memory: &File, which: Which<'_>) -> io::Result<Capture> {
    let maps = maps::read(pid)?;
    let mut held = Traced::default();
    let first = match which {
        Which::All => threads::list(pid)?,
        Which::These(these) => these.to_vec(),
    };
    held.seize(&first)?;
    let deadline = Instant::now() + LONGEST;
    let begun = held.stop(deadline);
    if matches!(which, Which::All) {
        for _ in 1..ROUNDS {
            // Once all threads have stopped, no new ones can appear.
            if held.seize(&threads::list(pid)?)? == 0 {
                break;
            }
            held.stop(deadline);
        }
    }
    let share = STACK.min(STACKS / held.threads.len().max(1));
    let mut capture = Capture::default();
    for &(id, stop) in &held.threads {
        let registers = stop.and_then(|_| ptrace::registers(id).ok());
        match registers {
            Some(registers) => capture.threads.push(Copied {
                id,
                registers,
                stack: copy(memory, &maps, registers.stack, share),
            }),
            None => capture.missed.push(id),
        }
    }
    for &(id, stop) in &held.threads {
        if let Some(stop) = stop {
            // Fails if the thread was killed meanwhile.
            let _ = ptrace::detach(id, stop);
        }
    }
    capture.stood = begun.elapsed();
    capture.processor = clock::thread();
    Ok(capture)
}

/// The threads that this thread traces.
#[derive(Default)]
struct Traced {
    threads: Vec<(u32, Option<Stop>)>,
    known: HashSet<u32>,
}

impl Traced {
    /// Starts tracing new threads, and returns how many.
    fn seize(&mut self, threads: &[u32]) -> io::Result<usize> {
        let before = self.threads.len();
        for &thread in threads {
            if !self.known.insert(thread) {
                continue;
            }
            match ptrace::seize(thread) {
                Ok(()) => self.threads.push((thread, None)),
                // It has exited.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.threads.len() - before)
    }

    /// Stops the threads that are still running. Returns the latest moment at which all of them
    /// were certainly running.
    fn stop(&mut self, deadline: Instant) -> Instant {
        let mut begun = Instant::now();
        let mut running: Vec<_> = self
            .threads
            .iter_mut()
            .filter(|(_, stop)| stop.is_none())
            .filter(|(thread, _)| ptrace::interrupt(*thread).is_ok())
            .collect();
        let all = running.len();
        loop {
            let now = Instant::now();
            running.retain_mut(|(thread, stop)| match ptrace::stopped(*thread) {
                Ok(Some(stopped)) => {
                    *stop = Some(stopped);
                    false
                }
                Ok(None) => true,
                Err(_) => false,
            });
            if running.is_empty() || now > deadline {
                return begun;
            }
            if running.len() == all {
                begun = now;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Copies at most `most` bytes from `stack` to the end of its mapping.
fn copy(memory: &File, maps: &str, stack: u64, most: usize) -> Vec<u8> {
    let mapping = maps::parse(maps).find(|mapping| mapping.range().contains(&stack));
    let length = mapping.map_or(most, |mapping| {
        usize::try_from(mapping.end - stack)
            .unwrap_or(most)
            .min(most)
    });
    let mut copy = vec![0; length];
    let read = memory.read_at(&mut copy, stack).unwrap_or(0);
    copy.truncate(read);
    copy
}
