//! The descriptor of a function that runs when a worker starts.

use std::{
    convert::Infallible,
    error::Error,
    fmt::{self, Debug, Display},
    ops::Deref,
    pin::Pin,
};

/// Exported by a crate object for each `#[kt::init]`, as `kt:start:<key>`.
#[cfg_attr(
    not(any(kt, feature = "host")),
    expect(dead_code, reason = "there is no worker to run it")
)]
pub struct InitDescriptor {
    pub(crate) key: &'static str,
    /// Hash of the function's tokens.
    pub(crate) tokens: u64,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) run: fn() -> InitRun,
}

/// A function that is about to run; its result is the error text.
pub enum InitRun {
    Plain(fn() -> Result<(), String>),
    Async(Pin<Box<dyn Future<Output = Result<(), String>>>>),
}

impl InitDescriptor {
    pub const fn new(
        key: &'static str,
        tokens: u64,
        file: &'static str,
        line: u32,
        run: fn() -> InitRun,
    ) -> Self {
        Self {
            key,
            tokens,
            file,
            line,
            run,
        }
    }
}

impl fmt::Debug for InitDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.key, self.file, self.line)
    }
}

/// The return types that a function with `#[kt::init]` may have.
#[diagnostic::on_unimplemented(
    message = "a function with `#[kt::init]` cannot return `{Self}`",
    label = "the worker cannot detect whether it failed",
    note = "return `()`, or a `Result<(), E>` whose `E` implements `Debug`"
)]
pub trait Initialized {
    type Error;
    fn failed(self) -> Option<Failure<Self::Error>>;
}

impl Initialized for () {
    type Error = Infallible;

    fn failed(self) -> Option<Failure<Infallible>> {
        None
    }
}

impl<E: Debug> Initialized for Result<(), E> {
    type Error = E;

    fn failed(self) -> Option<Failure<E>> {
        let debug = |error: &E| format!("{error:?}");
        self.err().map(|error| Failure { error, debug })
    }
}

/// An error of any type, to be formatted by the first of the four traits below that its type
/// allows. Each trait is implemented for one more reference than the next, and method resolution
/// prefers the most references.
pub struct Failure<E> {
    error: E,
    debug: fn(&E) -> String,
}

/// An error, with its sources.
pub trait BySources {
    fn explain(&self) -> String;
}

impl<E: Error> BySources for &&&Failure<E> {
    fn explain(&self) -> String {
        with_sources(&self.error)
    }
}

/// A box or another pointer to an error: `Box<dyn Error>`, `anyhow::Error`.
pub trait BySourcesOfTarget {
    fn explain(&self) -> String;
}

impl<E: Deref<Target: Error>> BySourcesOfTarget for &&Failure<E> {
    fn explain(&self) -> String {
        with_sources(&*self.error)
    }
}

pub trait ByDisplay {
    fn explain(&self) -> String;
}

impl<E: Display> ByDisplay for &Failure<E> {
    fn explain(&self) -> String {
        self.error.to_string()
    }
}

pub trait ByDebug {
    fn explain(&self) -> String;
}

// Without a bound: rustc reports a missing `Debug` once, for the function's result.
impl<E> ByDebug for Failure<E> {
    fn explain(&self) -> String {
        (self.debug)(&self.error)
    }
}

/// Skips causes that the text already contains.
fn with_sources(error: &(impl Error + ?Sized)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the port is wrong")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn outer() -> Outer {
        Outer("x".parse::<u8>().expect_err("not a number"))
    }

    macro_rules! explained {
        ($error:expr) => {
            Err($error).failed().map(|failure| (&&&&failure).explain())
        };
    }

    #[test]
    fn an_error_is_formatted_by_the_best_trait_of_its_type() {
        let all = Some("the port is wrong: invalid digit found in string".to_owned());
        assert_eq!(explained!(outer()), all);
        assert_eq!(explained!(Box::<dyn Error>::from(outer())), all);
        assert_eq!(
            explained!(Box::<dyn Error + Send + Sync>::from(outer())),
            all
        );
        assert_eq!(explained!("text").as_deref(), Some("text"));
        assert_eq!(explained!(Some(1)).as_deref(), Some("Some(1)"));
    }
}
