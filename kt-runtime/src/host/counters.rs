//! Numbers that are never reused: generations and worker instances of a service, across all its
//! hosts. The file outlives the service, so that a driver never mistakes an answer of a later
//! service for one of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::wire::{Generation, control::Numbers};

#[derive(Debug)]
pub struct Counters {
    path: PathBuf,
    last: Mutex<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    generation: u64,
    instance: u64,
}

impl Counters {
    /// Continues from the numbers of the service's last host.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("counters");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut numbers = text
            .split_whitespace()
            .map(|word| word.parse().unwrap_or(0));
        let last = Last {
            generation: numbers.next().unwrap_or(0),
            instance: numbers.next().unwrap_or(0),
        };
        Ok(Self {
            path,
            last: Mutex::new(last),
        })
    }

    /// Ensures that no later number is lower than these.
    pub fn raise(&self, least: Numbers) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.generation = last.generation.max(least.generation.0.saturating_sub(1));
        last.instance = last.instance.max(least.instance.saturating_sub(1));
    }

    pub fn next_generation(&self) -> Generation {
        Generation(self.advance(|last| &mut last.generation))
    }

    pub fn next_instance(&self) -> u64 {
        self.advance(|last| &mut last.instance)
    }

    fn advance(&self, field: impl Fn(&mut Last) -> &mut u64) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *field(&mut last) += 1;
        // On a full disk the numbers still increase while this host runs, which is sufficient for
        // calls.
        let temporary = self.path.with_extension("new");
        let text = format!("{} {}\n", last.generation, last.instance);
        if fs::write(&temporary, text).is_ok() {
            let _ = fs::rename(&temporary, &self.path);
        }
        *field(&mut last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn numbers_increase_across_hosts() {
        let directory = Scratch::new("counters");
        for round in 0..3 {
            let counters = Counters::open(directory.path()).unwrap();
            assert_eq!(counters.next_instance(), round + 1);
            assert_eq!(counters.next_generation(), Generation(2 * round + 1));
            assert_eq!(counters.next_generation(), Generation(2 * round + 2));
        }
    }

    #[test]
    fn numbers_are_raised_and_never_lowered() {
        let directory = Scratch::new("counters-raised");
        let counters = Counters::open(directory.path()).unwrap();
        let numbers = |generation, instance| Numbers {
            generation: Generation(generation),
            instance,
        };
        counters.raise(numbers(7, 3));
        counters.raise(numbers(2, 1));
        assert_eq!(counters.next_generation(), Generation(7));
        assert_eq!(counters.next_instance(), 3);
        let reopened = Counters::open(directory.path()).unwrap();
        assert_eq!(reopened.next_generation(), Generation(8));
    }
}
