//! Catches panics. A hook records where the panic happened and its backtrace; [`catch`] returns it.
//!
//! Below both calls and the wire: must not know about either.

use std::{
    any::Any,
    cell::RefCell,
    future::poll_fn,
    panic::{self, AssertUnwindSafe},
    pin::pin,
    task::Poll,
};

#[cfg(any(kt, feature = "host"))]
pub(crate) use hook::{install as install_hook, located};

/// A panic in the process in which it happened. Its addresses are symbolized on the developer's
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    any(kt, feature = "host"),
    derive(serde::Serialize, serde::Deserialize)
)]
pub struct RawPanic {
    pub message: String,
    /// `src/lib.rs:10:5`
    pub location: Option<String>,
    /// Innermost first.
    pub frames: Vec<RawFrame>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    any(kt, feature = "host"),
    derive(serde::Serialize, serde::Deserialize)
)]
pub struct RawFrame {
    /// File name of the object that contains the address.
    pub object: String,
    /// Offset of the instruction from the object's load address.
    pub offset: u64,
    /// Name of the nearest symbol, if the object has symbols.
    pub symbol: Option<String>,
}

/// Limit of the frames of a backtrace.
#[cfg(any(kt, feature = "host"))]
pub(crate) const FRAMES: usize = 256;
/// Limit of a message, bytes.
const TEXT: usize = 64 << 10;

thread_local! {
    /// The latest panic of this thread, recorded by the hook.
    static LAST: RefCell<Option<RawPanic>> = const { RefCell::new(None) };
}

/// Runs `work` and returns its panic.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, RawPanic> {
    #[cfg(any(kt, feature = "host"))]
    hook::restore();
    // As with a thread that panics, `work` may leave shared data inconsistent. Locks are poisoned.
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(RawPanic::from_payload)
}

/// [`catch`] for a future: a panic in any poll, or in its destructor, completes it.
pub(crate) async fn catch_async<T>(work: impl Future<Output = T>) -> Result<T, RawPanic> {
    let mut work = pin!(Some(work));
    poll_fn(|context| {
        let polled = catch(|| match work.as_mut().as_pin_mut() {
            Some(future) => future.poll(context),
            None => unreachable!("a future is not polled after its end"),
        });
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => Err(panic),
        };
        let dropped = catch(|| work.set(None));
        Poll::Ready(match (ended, dropped) {
            (Ok(value), Ok(())) => Ok(value),
            (Ok(value), Err(panic)) => {
                // Its destructor is the user's code, too.
                let _ = catch(|| drop(value));
                Err(panic)
            }
            (Err(first), _) => Err(first),
        })
    })
    .await
}

impl RawPanic {
    /// The panic that was just caught on this thread.
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        let message = message(&*payload);
        // The hook may have recorded another panic, which the user's code caught itself.
        let seen = LAST.with(|last| last.take());
        let seen = seen.filter(|seen| seen.message == message);
        // A payload may panic when it is dropped, and so may that panic's payload.
        if let Err(another) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(another);
            LAST.with(|last| last.take());
        }
        seen.unwrap_or_else(|| Self::from_message(message))
    }

    /// A panic with a message only.
    pub(crate) fn from_message(message: String) -> Self {
        Self {
            message,
            location: None,
            frames: Vec::new(),
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let mut text = text
        .unwrap_or("a panic whose payload is not a string")
        .to_owned();
    let end = (0..=TEXT.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text.truncate(end.unwrap_or(0));
    text
}

/// The worker's panic hook.
#[cfg(any(kt, feature = "host"))]
mod hook {
    use std::{
        panic::{self, PanicHookInfo},
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::{FRAMES, LAST, RawFrame, RawPanic, message};
    use crate::sys::{dl, unwind};

    /// Records each panic of this process, whatever hook the user's code sets later. Panics are
    /// also printed, by the user's hook or as std prints them. Frames are only part of the error:
    /// here they would be bare addresses.
    pub(crate) fn install() {
        wrap(None);
    }

    /// Set while our hook is not installed.
    static LOST: AtomicBool = AtomicBool::new(false);

    /// Owned by our hook: `std::panic::set_hook` drops the hook that it replaces.
    struct InPlace;

    impl Drop for InPlace {
        fn drop(&mut self) {
            LOST.store(true, Ordering::Release);
            restore();
        }
    }

    /// Re-installs our hook in front of the user's if it was replaced.
    pub(super) fn restore() {
        // A panicking thread cannot set a hook; the next call does it.
        if LOST.load(Ordering::Acquire)
            && !thread::panicking()
            && LOST.swap(false, Ordering::AcqRel)
        {
            wrap(Some(panic::take_hook()));
        }
    }

    type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

    fn wrap(users: Option<Hook>) {
        let in_place = InPlace;
        panic::set_hook(Box::new(move |info| {
            let _in_place = &in_place;
            let raw = record(info);
            match &users {
                Some(hook) => hook(info),
                None => print(&raw),
            }
            // Fails while the thread exits. Then no call can take it.
            let _ = LAST.try_with(|last| last.replace(Some(raw)));
        }));
    }

    fn print(raw: &RawPanic) {
        let location = raw.location.as_deref().unwrap_or("an unknown location");
        eprintln!(
            "\nthread '{}' panicked at {location}:\n{}",
            thread::current().name().unwrap_or("<unnamed>"),
            raw.message
        );
    }

    fn record(info: &PanicHookInfo<'_>) -> RawPanic {
        RawPanic {
            message: message(info.payload()),
            location: info.location().map(ToString::to_string),
            frames: located(&unwind::trace(FRAMES)),
        }
    }

    /// Converts addresses of this process to offsets in objects, which other processes understand.
    pub(crate) fn located(addresses: &[usize]) -> Vec<RawFrame> {
        let located = addresses.iter().filter_map(|&address| {
            let place = dl::locate(address)?;
            Some(RawFrame {
                object: place.object,
                offset: place.offset,
                symbol: place.symbol,
            })
        });
        located.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_with_its_message() {
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| panic!("plain")).unwrap_err().message, "plain");
        let late = async {
            tokio::task::yield_now().await;
            panic!("{}", "after a wait")
        };
        assert_eq!(
            catch_async::<()>(late).await.unwrap_err().message,
            "after a wait"
        );
    }
}
