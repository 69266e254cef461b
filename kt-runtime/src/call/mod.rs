//! A call as its caller holds it: a builder until it is awaited, then carried out at the place that this process has.
//!
//! Only what knows the types is generic, and it is little: everything behind [`Pending`] is compiled once, here, and not
//! again in each crate that makes calls, which is what a developer waits for after an edit.

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
    codec::{Codec, CodecError, Encoded, Encoder, Place, Types},
    worker,
};
use crate::{
    error::Error,
    function::{Function, Remote, Started},
    runtime::{self, Entered, Needs},
};

/// A call of a remote function that has not been made yet: `.await` it, or see [`blocking`](Self::blocking).
///
/// In a driver that `cargo kt` started, the call goes to the warm worker. Everywhere else (`cargo run`, `cargo test`, in
/// production, and inside the worker itself) it runs in place. Either way a panic of the function comes back as
/// [`Error::Panicked`], and dropping the future cancels the call.
///
/// Inside the worker a call enters the newest code, also from code that an edit has replaced since: a server, an actor or a callback
/// that was started before and goes on. What they then pass is encoded and decoded, as between processes; if the function has
/// other types by now, the call is an [`Error::ShapeMismatch`], and a function that is gone from the program is the caller's own.
/// [`local`](Self::local) stays in the caller's own code. So does the function's bare name in its own body, which is no call.
#[must_use = "a call does nothing until it is awaited, or made with `.blocking()`"]
pub struct Call<T> {
    prepared: Prepared,
    result: PhantomData<fn() -> T>,
}

/// The macro's entry: a call of `R` with its arguments, which stay as they are until the place is known.
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
    /// Gives the call up after this long: [`Error::TimedOut`]. Without one a call may take as long as its function does.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.prepared.timeout = Some(after);
        self
    }

    /// Runs the function in this process, wherever its calls go otherwise.
    pub fn local(mut self) -> Self {
        self.prepared.local = true;
        self
    }

    /// Makes the call and waits for it on this thread. Also right inside an async task, whose thread it then holds.
    ///
    /// # Errors
    /// As the call itself.
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

/// A [`Call`] under way. Dropping it cancels the call.
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
        Err(_) => unreachable!("a `Call<T>` is only made of a function that returns `T`"),
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
            // Boxed: a timer would make every call's future larger.
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
            // Boxed: it would make the future of every call to another process larger.
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
    fn encode(&self, types: &Types, limit: usize, place: Place) -> Result<Encoded, CodecError>;
    /// What decodes the result.
    #[cfg(any(kt, feature = "host"))]
    fn decoder(&self) -> Decode;
}

/// Makes a value of a body.
#[cfg(any(kt, feature = "host"))]
type Decode = fn(&Types, &[u8], Codec, Place) -> Result<Value, CodecError>;

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
    fn encode(&self, types: &Types, limit: usize, place: Place) -> Result<Encoded, CodecError> {
        let put = |to: &mut Encoder| R::encode_args(&self.args, to);
        types.encode(limit, place, put)
    }

    #[cfg(any(kt, feature = "host"))]
    fn decoder(&self) -> Decode {
        |types, result, codec, place| {
            let output = types.decode(result, codec, place, R::decode_output)?;
            Ok(Box::new(output))
        }
    }
}
