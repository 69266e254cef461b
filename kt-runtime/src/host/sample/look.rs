//! Stops threads of another process, copies what unwinding needs, and lets them go on. Everything else is done afterwards.
//!
//! It must run on a thread of its own, which ends afterwards: then the kernel lets go of what did not stop in time.

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

/// How long threads may stand, and how long is waited for those that do not stop.
const LONGEST: Duration = Duration::from_millis(30);
/// Of one thread's stack, from its top, bytes.
const STACK: usize = 256 << 10;
/// Of all stacks together, bytes: copying more would take too long.
const STACKS: usize = 64 << 20;
/// How often threads are looked for that others have started before they stopped.
const ROUNDS: usize = 3;
/// Between two questions whether threads have stopped. A thread that sleeps comes to run again sooner than one that yields: where all
/// processors are busy, that takes milliseconds.
const PAUSE: Duration = Duration::from_micros(20);

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    pub threads: Vec<Copied>,
    /// Threads that did not stop in time.
    pub missed: Vec<u32>,
    /// From the first thread's stop to the moment at which all ran again.
    pub stood: Duration,
    /// Processor time that it took here.
    pub processor: Duration,
}

/// A thread as it stood.
#[derive(Debug)]
pub struct Copied {
    pub id: u32,
    pub registers: Registers,
    /// What lies at the stack pointer and above.
    pub stack: Vec<u8>,
}

/// Which threads to stop.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    These(&'a [u32]),
}

/// # Errors
/// `EPERM` if another process traces a thread, or tracing is forbidden; or the process has ended.
pub fn take(pid: u32, memory: &File, which: Which<'_>) -> io::Result<Look> {
    let maps = maps::read(pid)?;
    let mut held = Held::default();
    let first = match which {
        Which::All => threads::list(pid)?,
        Which::These(these) => these.to_vec(),
    };
    held.seize(&first)?;
    let deadline = Instant::now() + LONGEST;
    let begun = held.stop(deadline);
    if matches!(which, Which::All) {
        for _ in 1..ROUNDS {
            // Once all have stopped nobody can start another.
            if held.seize(&threads::list(pid)?)? == 0 {
                break;
            }
            held.stop(deadline);
        }
    }
    let share = STACK.min(STACKS / held.threads.len().max(1));
    let mut look = Look::default();
    for &(id, stop) in &held.threads {
        let registers = stop.and_then(|_| ptrace::registers(id).ok());
        match registers {
            Some(registers) => look.threads.push(Copied {
                id,
                registers,
                stack: copy(memory, &maps, registers.stack, share),
            }),
            None => look.missed.push(id),
        }
    }
    for &(id, stop) in &held.threads {
        if let Some(stop) = stop {
            // It fails if the thread was killed meanwhile.
            let _ = ptrace::detach(id, stop);
        }
    }
    look.stood = begun.elapsed();
    look.processor = clock::thread();
    Ok(look)
}

/// The threads that this one traces.
#[derive(Default)]
struct Held {
    threads: Vec<(u32, Option<Stop>)>,
    known: HashSet<u32>,
}

impl Held {
    /// Begins to trace those that are not known, and returns how many there are.
    fn seize(&mut self, threads: &[u32]) -> io::Result<usize> {
        let before = self.threads.len();
        for &thread in threads {
            if !self.known.insert(thread) {
                continue;
            }
            match ptrace::seize(thread) {
                Ok(()) => self.threads.push((thread, None)),
                // It has ended.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.threads.len() - before)
    }

    /// Stops those that have not stopped yet. Returns the latest moment at which certainly none of them stood.
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

/// What lies from `stack` on, to the end of what is mapped there, at most `most` bytes.
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
