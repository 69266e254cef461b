//! Keeps sockets served while user code computes on a thread that carries connections.
//!
//! One thread of a tokio runtime at a time waits for the sockets. When an event comes, that thread
//! runs its task, and another takes over only if it is woken, which tokio does when there is more
//! than one task. A single request that computes without an await would leave all other threads
//! asleep and the sockets unwatched. So while user code runs, a separate thread checks periodically
//! whether any has begun since its last check. If none has, it spawns an empty task on the runtime:
//! that wakes a thread, which finds nothing else to do and waits for the sockets.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use tokio::runtime::Handle;

/// Interval of the checks. A function that was always short and now computes can leave the sockets
/// unwatched for up to two intervals; other functions begin on other threads. Waking more often
/// moves the threads that carry calls between processors: a 10 ms interval slowed calls by a tenth,
/// a 1 ms interval by a quarter.
const POLL: Duration = Duration::from_millis(100);

/// After this many idle checks it sleeps until user code runs again.
const IDLE_POLLS: u32 = 10;

/// Counters of user code on the connections' threads.
#[derive(Default)]
pub(super) struct Watch {
    /// How many pieces of user code have begun.
    begun: AtomicU64,
    /// How many are running.
    running: AtomicUsize,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

/// Running user code.
pub(super) struct Running(Arc<Watch>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Release);
    }
}

impl Watch {
    /// Watches the threads of this runtime until the result is dropped.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn start(connections: Handle) -> io::Result<Arc<Self>> {
        let watch = Arc::new(Self::default());
        let watched = Arc::downgrade(&watch);
        let thread = thread::Builder::new().name("kt-watch".to_owned());
        let thread = thread.spawn(move || {
            let mut idle = 0;
            let mut last = 0;
            while let Some(watch) = watched.upgrade() {
                let begun = watch.begun.load(Ordering::SeqCst);
                let unchanged = begun == last;
                last = begun;
                if unchanged && watch.running.load(Ordering::Acquire) > 0 {
                    drop(connections.spawn(async {}));
                }
                idle = match unchanged && watch.running.load(Ordering::Acquire) == 0 {
                    true => idle + 1,
                    false => 0,
                };
                if idle < IDLE_POLLS {
                    drop(watch);
                    thread::sleep(POLL);
                    continue;
                }
                idle = 0;
                watch.asleep.store(true, Ordering::SeqCst);
                // Code that began before the store above has not seen that this thread is asleep.
                let missed = watch.begun.load(Ordering::SeqCst) != last;
                if missed {
                    watch.asleep.store(false, Ordering::SeqCst);
                } else {
                    drop(watch);
                    thread::park();
                }
            }
        })?;
        let _ = watch.thread.set(thread.thread().clone());
        Ok(watch)
    }

    /// User code begins on a thread of the runtime.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.wake();
        }
        Running(Arc::clone(self))
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::net::UnixStream, sync::mpsc};

    use tokio::{io::AsyncReadExt as _, runtime::Builder};

    use super::*;
    use crate::worker::user_code::UserCode;

    fn pair() -> (UnixStream, UnixStream) {
        let (one, other) = UnixStream::pair().unwrap();
        other.set_nonblocking(true).unwrap();
        (one, other)
    }

    #[test]
    fn sockets_are_served_while_a_function_computes_on_the_thread_that_read_its_request() {
        let threads = |count| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(count).enable_all().build().unwrap()
        };
        let (connections, users) = (threads(3), threads(1));
        let user = UserCode::new(users.handle(), connections.handle(), 1).unwrap();
        for _ in 0..20 {
            let (mut request, requests) = pair();
            let (mut other, others) = pair();
            let (arrived, arrival) = mpsc::channel();
            let (answer, answered) = mpsc::channel();
            connections.spawn(async move {
                let mut others = tokio::net::UnixStream::from_std(others).unwrap();
                others.read_u8().await.unwrap();
                arrived.send(()).unwrap();
            });
            let user = Arc::clone(&user);
            connections.spawn(async move {
                let mut requests = tokio::net::UnixStream::from_std(requests).unwrap();
                requests.read_u8().await.unwrap();
                // It returns once another socket of the same runtime has been read.
                let computes = async move {
                    other.write_all(b"x").unwrap();
                    arrival.recv_timeout(Duration::from_secs(10)).is_ok()
                };
                let done = user.run(1, Arc::default(), computes);
                answer.send(done.await.unwrap()).unwrap();
            });
            request.write_all(b"x").unwrap();
            assert!(answered.recv().unwrap(), "the other socket was not read");
        }
    }
}
