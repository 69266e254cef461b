//! A call: a builder until it is awaited, then run in another process through the registered
//! [`Transport`], in this worker, or in place.
//!
//! Only the code that knows the types is generic, and it is little. Everything behind [`Pending`]
//! is compiled once, here, and not in each crate that makes calls, whose compilation a developer
//! waits for after an edit.

mod in_place;
#[cfg(any(kt, feature = "host"))]
mod remote;
#[cfg(any(kt, feature = "host"))]
mod transport;
#[cfg(any(kt, feature = "host"))]
mod within;

use std::{
    any::Any,
    fmt,
    future::IntoFuture,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

#[cfg(any(kt, feature = "host"))]
pub(crate) use self::transport::{Answer, Transport, register};
#[cfg(any(kt, feature = "host"))]
use crate::{
    codec::{Codec, CodecError, Encoded, Encoder, ThreadKind, Types},
    worker,
};
use crate::{
    error::Error,
    function::{Function, Remote, Started},
    runtime::{self, Entered, Needs},
};

/// A call of a remote function. It starts when it is awaited, or with [`blocking`](Self::blocking).
///
/// ```
/// use std::time::Duration;
///
/// #[kt::remote]
/// async fn double(number: u64) -> u64 {
///     number * 2
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), kt::Error> {
///     assert_eq!(double(1).await?, 2);
///     assert_eq!(double(2).timeout(Duration::from_secs(1)).await?, 4);
///
///     // Two calls at the same time.
///     let (three, four) = tokio::join!(double(3).into_future(), double(4).into_future());
///     assert_eq!((three?, four?), (6, 8));
///     Ok(())
/// }
/// ```
///
/// In a program that `cargo kt run` started, the call goes to the worker. Everywhere else (`cargo
/// run`, `cargo test`, production, and inside the worker) it runs in place. In both cases a panic
/// of the function is returned as [`Error::Panicked`], and dropping the future cancels the call: an
/// `async fn` is dropped, a synchronous function runs to completion and its result is discarded.
///
/// # Calls inside the worker
///
/// A call inside the worker enters the newest code, also from code that an edit has replaced and
/// that still runs: a server, an actor or a callback. Its arguments and result are then encoded and
/// decoded as between processes. If the function's types changed, the call returns
/// [`Error::ShapeMismatch`]. If the program no longer has the function, the caller's own copy runs.
/// [`local`](Self::local) stays in the caller's code. The function's name within its own body is an
/// ordinary call.
#[must_use = "a call does nothing until it is awaited, or made with `.blocking()`"]
pub struct Call<T> {
    prepared: Prepared,
    result: PhantomData<fn() -> T>,
}

/// The macro's entry: a call of `R`. The arguments are encoded only if the call leaves the process.
pub fn call<R: Remote>(function: &'static Function, args: R::Args) -> Call<R::Output> {
    Call {
        prepared: Prepared {
            pending: Box::new(Bound::<R> { function, args }),
            timeout: None,
            local: false,
        },
        result: PhantomData,
    }
}

impl<T: Send + 'static> Call<T> {
    /// Limits the call to this duration: then it returns [`Error::TimedOut`]. Without a timeout a
    /// call takes as long as its function.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.prepared.timeout = Some(after);
        self
    }

    /// Runs the function in this process.
    pub fn local(mut self) -> Self {
        self.prepared.local = true;
        self
    }

    /// Makes the call and blocks this thread until it returns. Inside an async task it blocks the
    /// task's thread.
    ///
    /// ```
    /// #[kt::remote]
    /// fn add(a: u32, b: u32) -> u32 {
    ///     a + b
    /// }
    ///
    /// fn main() -> Result<(), kt::Error> {
    ///     assert_eq!(add(1, 2).blocking()?, 3);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The same as for an awaited call.
    pub fn blocking(self) -> Result<T, Error> {
        self.prepared.blocking().map(typed)
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = CallFuture<T>;

    fn into_future(self) -> CallFuture<T> {
        CallFuture {
            made: self.prepared.into_future(),
            result: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("function", &self.prepared.pending.function().path())
            .field("timeout", &self.prepared.timeout)
            .field("local", &self.prepared.local)
            .finish()
    }
}

/// A running [`Call`]. Dropping it cancels the call.
#[must_use = "futures do nothing unless polled"]
pub struct CallFuture<T> {
    made: Made,
    result: PhantomData<fn() -> T>,
}

impl<T: 'static> Future for CallFuture<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let made = Pin::new(&mut self.made).poll(context);
        made.map(|done| done.map(typed))
    }
}

impl<T> fmt::Debug for CallFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallFuture")
    }
}

/// A result whose type only its caller knows.
type Value = Box<dyn Any + Send>;

type Made = Entered<Result<Value, Error>>;

fn typed<T: 'static>(value: Value) -> T {
    match value.downcast() {
        Ok(value) => *value,
        Err(_) => unreachable!("a `Call<T>` is only created for a function that returns `T`"),
    }
}

/// A call without its types.
struct Prepared {
    pending: Box<dyn Pending>,
    timeout: Option<Duration>,
    local: bool,
}

impl Prepared {
    fn blocking(self) -> Result<Value, Error> {
        if self.timeout.is_none() && !self.leaves() {
            let function = self.pending.function();
            #[cfg(any(kt, feature = "host"))]
            if let Some(worker) = worker::current().filter(|_| !self.local) {
                return match worker.try_enter(function) {
                    Some(nested) if !nested.leaves() => {
                        in_place::blocking(function, nested.carry(self.pending.start()))
                    }
                    _ => runtime::block_on(self.into_future()),
                };
            }
            return in_place::blocking(function, self.pending.start());
        }
        runtime::block_on(self.into_future())
    }

    fn into_future(self) -> Made {
        let function = self.pending.function().path();
        let timeout = self.timeout;
        let needs = match timeout {
            #[cfg(any(kt, feature = "host"))]
            _ if self.leaves() => Needs::All,
            Some(_) => Needs::Timers,
            None => Needs::Nothing,
        };
        let bounded = async move {
            let Some(after) = timeout else {
                return self.make().await;
            };
            let elapsed = |_| {
                Err(Error::TimedOut {
                    function: function.into(),
                    after,
                })
            };
            // Boxed: a timer would make the future of every call larger.
            Box::pin(tokio::time::timeout(after, self.make()))
                .await
                .unwrap_or_else(elapsed)
        };
        Entered::new(needs, bounded)
    }

    async fn make(self) -> Result<Value, Error> {
        #[cfg(any(kt, feature = "host"))]
        if let Some(transport) = transport::registered().filter(|_| !self.local) {
            return remote::make(transport, self.pending).await;
        }
        #[cfg(any(kt, feature = "host"))]
        if let Some(worker) = worker::current().filter(|_| !self.local) {
            // Boxed: it would make the future of every call larger.
            return Box::pin(within::make(worker, self.pending)).await;
        }
        in_place::run(self.pending.function(), self.pending.start()).await
    }

    /// Whether the call goes to another process.
    fn leaves(&self) -> bool {
        #[cfg(any(kt, feature = "host"))]
        return !self.local && transport::registered().is_some();
        #[cfg(not(any(kt, feature = "host")))]
        false
    }
}

/// A function with its arguments.
trait Pending: Send {
    fn function(&self) -> &'static Function;
    fn start(self: Box<Self>) -> Started<Value>;
    #[cfg(any(kt, feature = "host"))]
    fn encode(
        &self,
        types: &Types,
        limit: usize,
        thread: ThreadKind,
    ) -> Result<Encoded, CodecError>;
    /// The function that decodes the result.
    #[cfg(any(kt, feature = "host"))]
    fn decoder(&self) -> Decode;
}

/// Decodes a body.
#[cfg(any(kt, feature = "host"))]
type Decode = fn(&Types, &[u8], Codec, ThreadKind) -> Result<Value, CodecError>;

struct Bound<R: Remote> {
    function: &'static Function,
    args: R::Args,
}

impl<R: Remote> Pending for Bound<R> {
    fn function(&self) -> &'static Function {
        self.function
    }

    fn start(self: Box<Self>) -> Started<Value> {
        match R::start(self.args) {
            Started::Plain(work) => Started::Plain(Box::new(move || Box::new(work()))),
            Started::Async(work) => {
                Started::Async(Box::pin(async move { Box::new(work.await) as Value }))
            }
        }
    }

    #[cfg(any(kt, feature = "host"))]
    fn encode(
        &self,
        types: &Types,
        limit: usize,
        thread: ThreadKind,
    ) -> Result<Encoded, CodecError> {
        let put = |to: &mut Encoder| R::encode_args(&self.args, to);
        types.encode(limit, thread, put)
    }

    #[cfg(any(kt, feature = "host"))]
    fn decoder(&self) -> Decode {
        |types, result, codec, thread| {
            let output = types.decode(result, codec, thread, R::decode_output)?;
            Ok(Box::new(output))
        }
    }
}
