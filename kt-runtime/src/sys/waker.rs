//! A waker that reports when it is cloned. `std::task::Wake` also creates wakers from `Arc`s, but
//! without a hook for clones.

use std::{
    sync::Arc,
    task::{RawWaker, RawWakerVTable, Waker},
};

/// Wakes like the waker inside.
struct Observed<F> {
    waker: Waker,
    on_clone: F,
}

/// A waker that wakes what `waker` does, and calls `on_clone` on the thread that clones it, for
/// each clone.
pub fn observed<F: Fn() + Send + Sync + 'static>(waker: Waker, on_clone: F) -> Waker {
    let observed = Arc::into_raw(Arc::new(Observed { waker, on_clone }));
    // SAFETY: the functions below keep the contract of `RawWakerVTable`: each waker owns one count
    // of the `Arc`, which is `Send` and `Sync` because its parts are.
    unsafe { Waker::from_raw(RawWaker::new(observed.cast(), Table::<F>::TABLE)) }
}

/// The functions for one type of `on_clone`.
struct Table<F>(std::marker::PhantomData<F>);

impl<F: Fn() + Send + Sync + 'static> Table<F> {
    const TABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    fn clone(data: *const ()) -> RawWaker {
        let observed: *const Observed<F> = data.cast();
        // SAFETY: a waker's data comes from `Arc::into_raw` in `observed`, and the cloned waker
        // owns a count of it.
        unsafe {
            ((*observed).on_clone)();
            Arc::increment_strong_count(observed);
        }
        RawWaker::new(data, Self::TABLE)
    }

    fn wake(data: *const ()) {
        // SAFETY: as above; the waker is consumed, and its count with it.
        let observed = unsafe { Arc::from_raw(data.cast::<Observed<F>>()) };
        observed.waker.wake_by_ref();
    }

    fn wake_by_ref(data: *const ()) {
        // SAFETY: as above; the waker stays.
        unsafe { &*data.cast::<Observed<F>>() }.waker.wake_by_ref();
    }

    fn drop(data: *const ()) {
        // SAFETY: as in `wake`.
        std::mem::drop(unsafe { Arc::from_raw(data.cast::<Observed<F>>()) });
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_clone_is_reported_and_wakes_and_nothing_leaks() {
        let (woken, kept) = (Arc::new(Counts::default()), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&kept);
        let waker = observed(Waker::from(Arc::clone(&woken)), move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let other = waker.clone();
        other.wake_by_ref();
        let third = other.clone();
        drop(waker);
        other.wake();
        assert_eq!(
            (
                kept.load(Ordering::Relaxed),
                woken.0.load(Ordering::Relaxed)
            ),
            (2, 2)
        );
        third.wake();
        assert_eq!(woken.0.load(Ordering::Relaxed), 3);
        assert_eq!(
            (Arc::strong_count(&woken), Arc::strong_count(&kept)),
            (1, 1)
        );
    }
}
