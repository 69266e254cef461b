//! A waker that tells when somebody keeps it. std makes wakers of `Arc`s too, but nobody hears of their clones then.

use std::{
    sync::Arc,
    task::{RawWaker, RawWakerVTable, Waker},
};

/// Wakes as another one does.
struct Observed<F> {
    waker: Waker,
    kept: F,
}

/// A waker that wakes what `waker` does, and calls `kept` on the thread that clones it, each time.
pub fn observed<F: Fn() + Send + Sync + 'static>(waker: Waker, kept: F) -> Waker {
    let observed = Arc::into_raw(Arc::new(Observed { waker, kept }));
    // SAFETY: the functions below keep the contract of `RawWakerVTable`: each waker owns one count of the `Arc`, which is `Send`
    // and `Sync` as its parts are.
    unsafe { Waker::from_raw(RawWaker::new(observed.cast(), Table::<F>::TABLE)) }
}

/// The functions for one type of `kept`.
struct Table<F>(std::marker::PhantomData<F>);

impl<F: Fn() + Send + Sync + 'static> Table<F> {
    const TABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    fn clone(data: *const ()) -> RawWaker {
        let observed: *const Observed<F> = data.cast();
        // SAFETY: a waker's data is of `Arc::into_raw` in `observed`, and the waker that is cloned owns a count of it.
        unsafe {
            ((*observed).kept)();
            Arc::increment_strong_count(observed);
        }
        RawWaker::new(data, Self::TABLE)
    }

    fn wake(data: *const ()) {
        // SAFETY: as above; the waker ends, and its count with it.
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
    fn each_clone_is_told_and_each_wakes_and_nothing_is_left() {
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
