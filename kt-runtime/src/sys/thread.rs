//! The thread's id, as other processes see it.

use std::cell::Cell;

thread_local! {
    static ID: Cell<u32> = const { Cell::new(0) };
}

/// The kernel's id of this thread: gettid(2). Cached per thread.
pub fn id() -> u32 {
    let known = ID.try_with(Cell::get).unwrap_or(0);
    if known != 0 {
        return known;
    }
    // SAFETY: it touches no memory and cannot fail.
    let id = unsafe { libc::gettid() }.cast_unsigned();
    // An exiting thread has no thread-locals any more, and calls gettid again.
    let _ = ID.try_with(|known| known.set(id));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_a_process_have_different_ids() {
        let other = std::thread::spawn(|| (id(), id())).join().unwrap();
        assert_eq!(other.0, other.1);
        assert_ne!(other.0, id());
        assert!(std::path::Path::new(&format!("/proc/self/task/{}", id())).exists());
    }
}
