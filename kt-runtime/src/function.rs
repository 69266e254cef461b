//! A remote function as the macro describes it and both ends use it.

use std::{fmt, pin::Pin};

#[cfg(not(any(kt, feature = "host")))]
use crate::in_place_only::{CodecError, Decoder, Encoder, Shape};
#[cfg(any(kt, feature = "host"))]
use crate::{
    codec::{self, Codec, CodecError, Decoder, Encoder, Place, apart, apart_blocking},
    shape::{Shape, Signature},
};
#[cfg(any(kt, feature = "host"))]
use std::sync::Arc;

/// What `#[kt::remote]` implements for each function: its types, and how they travel. The methods are generated one
/// argument at a time, so that a missing trait is reported at the argument that lacks it.
pub trait Remote: 'static {
    /// A tuple of the arguments.
    type Args: Send + 'static;
    type Output: Send + 'static;

    fn encode_args(args: &Self::Args, to: &mut Encoder) -> Result<(), CodecError>;
    fn decode_args(from: &mut Decoder<'_>) -> Result<Self::Args, CodecError>;
    fn encode_output(output: &Self::Output, to: &mut Encoder) -> Result<(), CodecError>;
    fn decode_output(from: &mut Decoder<'_>) -> Result<Self::Output, CodecError>;
    /// Tells the shape of each argument, then of the result.
    fn shape(shape: &mut Shape);
    /// Calls the function, as far as that can be done without running it.
    fn start(args: Self::Args) -> Started<Self::Output>;
}

/// A call that is about to run.
pub enum Started<T> {
    /// Of a plain function: runs on a thread that may block.
    Plain(Box<dyn FnOnce() -> T + Send>),
    /// Of an async function: runs on the tokio runtime.
    Async(Pin<Box<dyn Future<Output = T> + Send>>),
}

/// What a crate object exports for each remote function, as `kt:fn:<key>`.
pub struct Function {
    pub(crate) key: &'static str,
    /// The signature's tokens, for messages.
    #[cfg(any(kt, feature = "host"))]
    pub(crate) signature: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    /// Runs the types' `Deserialize`: once is enough.
    #[cfg(any(kt, feature = "host"))]
    pub(crate) types: fn() -> Signature,
    #[cfg(any(kt, feature = "host"))]
    pub(crate) invoke: Invoke,
}

/// Decodes the arguments and begins the call.
#[cfg(any(kt, feature = "host"))]
type Invoke = fn(&[u8], Place, &Invocation) -> Result<Started<Encoded>, CodecError>;

/// How a function is called from another process.
#[cfg(any(kt, feature = "host"))]
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) types: Arc<Signature>,
    /// Of the arguments.
    pub(crate) codec: Codec,
    /// Of the result, bytes.
    pub(crate) limit: usize,
}

/// A result on its way back.
#[cfg(any(kt, feature = "host"))]
pub(crate) type Encoded = Result<codec::Encoded, CodecError>;

impl Function {
    pub const fn new<R: Remote>(
        key: &'static str,
        #[cfg_attr(not(any(kt, feature = "host")), expect(unused_variables))]
        signature: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            key,
            #[cfg(any(kt, feature = "host"))]
            signature,
            file,
            line,
            #[cfg(any(kt, feature = "host"))]
            types: types::<R>,
            #[cfg(any(kt, feature = "host"))]
            invoke: invoke::<R>,
        }
    }

    /// The function's path as a developer knows it: the key without package and bin.
    pub(crate) fn path(&self) -> &'static str {
        path_of(self.key)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.key, self.file, self.line)
    }
}

/// `package/bin:module::name` → `module::name`.
pub(crate) fn path_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, path)| path)
}

#[cfg(any(kt, feature = "host"))]
fn types<R: Remote>() -> Signature {
    let mut shape = Shape::default();
    R::shape(&mut shape);
    shape.finish()
}

#[cfg(any(kt, feature = "host"))]
fn invoke<R: Remote>(
    args: &[u8],
    place: Place,
    how: &Invocation,
) -> Result<Started<Encoded>, CodecError> {
    let args = how
        .types
        .arguments
        .decode(args, how.codec, place, R::decode_args)?;
    let (types, limit) = (Arc::clone(&how.types), how.limit);
    let encode = move |output: &R::Output, place| {
        let put = |to: &mut Encoder| R::encode_output(output, to);
        types.output.encode(limit, place, put)
    };
    Ok(match R::start(args) {
        Started::Plain(run) => Started::Plain(Box::new(move || {
            let output = run();
            match encode(&output, Place::Blocking) {
                Err(CodecError::Elsewhere) => apart_blocking(move || encode(&output, Place::Own))?,
                done => done,
            }
        })),
        Started::Async(run) => Started::Async(Box::pin(async move {
            let output = run.await;
            match encode(&output, Place::Task) {
                Err(CodecError::Elsewhere) => apart(move || encode(&output, Place::Own)).await?,
                done => done,
            }
        })),
    })
}
