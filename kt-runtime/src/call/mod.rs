//! A call as its caller holds it: a builder until it is awaited, then carried out at the place that this process has.

mod in_place;
mod panic;

use std::{
    fmt,
    future::IntoFuture,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

pub(crate) use self::panic::{catch, catch_async, install_hook};
use crate::{
    driver::{self, Driver},
    error::Error,
    function::{Function, Remote, Started},
    runtime,
    wire::{
        codec::{CodecError, Decoder, Encoder},
        data::Part,
    },
};

/// A call of a remote function that has not been made yet: `.await` it, or see [`blocking`](Self::blocking).
///
/// In a driver that `cargo kt` started, the call goes to the warm worker. Everywhere else (`cargo run`, `cargo test`, in
/// production, and inside the worker itself) it runs in place. Either way a panic of the function comes back as
/// [`Error::Panicked`], and dropping the future cancels the call.
#[must_use = "a call does nothing until it is awaited, or made with `.blocking()`"]
pub struct Call<T> {
    pending: Box<dyn Pending<T>>,
    timeout: Option<Duration>,
    local: bool,
}

/// The macro's entry: a call of `R` with its arguments, which stay as they are until the place is known.
pub fn call<R: Remote>(function: &'static Function, args: R::Args) -> Call<R::Output> {
    Call {
        pending: Box::new(Bound::<R> { function, args }),
        timeout: None,
        local: false,
    }
}

impl<T: Send + 'static> Call<T> {
    /// Gives the call up after this long: [`Error::TimedOut`]. Without one a call may take as long as its function does.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = Some(after);
        self
    }

    /// Runs the function in this process, wherever its calls go otherwise.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Makes the call and waits for it on this thread. Also right inside an async task, whose thread it then holds.
    ///
    /// # Errors
    /// As the call itself.
    pub fn blocking(self) -> Result<T, Error> {
        if self.timeout.is_none() && (self.local || Driver::current().is_none()) {
            return in_place::blocking(self.pending);
        }
        runtime::block_on(self.into_future())
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = CallFuture<T>;

    fn into_future(self) -> CallFuture<T> {
        let Self {
            pending,
            timeout,
            local,
        } = self;
        let function = pending.function().path();
        let made = async move {
            match Driver::current().filter(|_| !local) {
                Some(driver) => remote(driver, pending, timeout).await,
                None => in_place::run(pending).await,
            }
        };
        let bounded = async move {
            let Some(after) = timeout else {
                return made.await;
            };
            let elapsed = |_| {
                Err(Error::TimedOut {
                    function: function.into(),
                    after,
                })
            };
            tokio::time::timeout(after, made)
                .await
                .unwrap_or_else(elapsed)
        };
        CallFuture(Box::pin(runtime::entered(bounded)))
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("function", &self.pending.function().path())
            .field("timeout", &self.timeout)
            .field("local", &self.local)
            .finish()
    }
}

/// A [`Call`] under way. Dropping it cancels the call.
#[must_use = "futures do nothing unless polled"]
pub struct CallFuture<T>(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>);

impl<T> Future for CallFuture<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for CallFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallFuture")
    }
}

/// Sends the call to the worker. The arguments live on until the answer is decoded, but only their encoding is sent.
async fn remote<T>(
    driver: &Driver,
    pending: Box<dyn Pending<T>>,
    timeout: Option<Duration>,
) -> Result<T, Error> {
    let function = pending.function();
    let coded = |what, error| driver::codec_error(function.path(), what, error);
    let args = pending
        .encode(driver.body_limit())
        .map_err(|error| coded(Part::Arguments, error))?;
    let result = driver.call(function, args.into(), timeout).await?;
    pending
        .decode(&result)
        .map_err(|error| coded(Part::Result, error))
}

/// A function with its arguments, of which only the result's type still shows.
trait Pending<T>: Send {
    fn function(&self) -> &'static Function;
    fn encode(&self, limit: usize) -> Result<Vec<u8>, CodecError>;
    fn decode(&self, result: &[u8]) -> Result<T, CodecError>;
    fn start(self: Box<Self>) -> Started<T>;
}

struct Bound<R: Remote> {
    function: &'static Function,
    args: R::Args,
}

impl<R: Remote> Pending<R::Output> for Bound<R> {
    fn function(&self) -> &'static Function {
        self.function
    }

    fn encode(&self, limit: usize) -> Result<Vec<u8>, CodecError> {
        let mut encoder = Encoder::new(limit);
        R::encode_args(&self.args, &mut encoder)?;
        Ok(encoder.finish())
    }

    fn decode(&self, result: &[u8]) -> Result<R::Output, CodecError> {
        let mut decoder = Decoder::new(result);
        let output = R::decode_output(&mut decoder)?;
        decoder.end()?;
        Ok(output)
    }

    fn start(self: Box<Self>) -> Started<R::Output> {
        R::start(self.args)
    }
}
