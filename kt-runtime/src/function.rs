//! A remote function: the macro generates its description, both ends of a call use it.

use std::{fmt, pin::Pin};

#[cfg(not(any(kt, feature = "host")))]
use crate::in_place_only::{CodecError, Decoder, Encoder, Shape};
#[cfg(any(kt, feature = "host"))]
use crate::{
    codec::{
        self, Codec, CodecError, Decoder, Encoder, ThreadKind, on_own_thread,
        on_own_thread_blocking,
    },
    shape::{Shape, Signature},
};
#[cfg(any(kt, feature = "host"))]
use std::sync::Arc;

/// Implemented by `#[kt::remote]` for each function: its types and their encoding. The macro
/// generates one statement per argument, so that rustc reports a missing trait at the argument that
/// lacks it.
pub trait Remote: 'static {
    /// A tuple of the arguments.
    type Args: Send + 'static;
    type Output: Send + 'static;

    fn encode_args(args: &Self::Args, to: &mut Encoder) -> Result<(), CodecError>;
    fn decode_args(from: &mut Decoder<'_>) -> Result<Self::Args, CodecError>;
    fn encode_output(output: &Self::Output, to: &mut Encoder) -> Result<(), CodecError>;
    fn decode_output(from: &mut Decoder<'_>) -> Result<Self::Output, CodecError>;
    /// Adds the shape of each argument, then of the result.
    fn shape(shape: &mut Shape);
    /// Prepares the call without running the function.
    fn start(args: Self::Args) -> Started<Self::Output>;
}

/// A call that is about to run.
pub enum Started<T> {
    /// A plain function: runs on a thread that may block.
    Plain(Box<dyn FnOnce() -> T + Send>),
    /// An async function: runs on the tokio runtime.
    Async(Pin<Box<dyn Future<Output = T> + Send>>),
}

/// A crate object exports one for each remote function, as `kt:fn:<key>`.
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

/// Decodes the arguments and starts the call.
#[cfg(any(kt, feature = "host"))]
type Invoke = fn(&[u8], ThreadKind, &Invocation) -> Result<Started<Encoded>, CodecError>;

/// The parameters of a call from another process.
#[cfg(any(kt, feature = "host"))]
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) types: Arc<Signature>,
    /// The codec of the arguments.
    pub(crate) codec: Codec,
    /// Limit of the result, in bytes.
    pub(crate) limit: usize,
}

/// An encoded result.
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

    /// The function's path in the source: the key without package and bin.
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
    thread: ThreadKind,
    how: &Invocation,
) -> Result<Started<Encoded>, CodecError> {
    let args = how
        .types
        .arguments
        .decode(args, how.codec, thread, R::decode_args)?;
    let (types, limit) = (Arc::clone(&how.types), how.limit);
    let encode = move |output: &R::Output, thread| {
        let put = |to: &mut Encoder| R::encode_output(output, to);
        types.output.encode(limit, thread, put)
    };
    Ok(match R::start(args) {
        Started::Plain(run) => Started::Plain(Box::new(move || {
            let output = run();
            match encode(&output, ThreadKind::Blocking) {
                Err(CodecError::NeedsOwnThread) => {
                    on_own_thread_blocking(move || encode(&output, ThreadKind::Own))?
                }
                done => done,
            }
        })),
        Started::Async(run) => Started::Async(Box::pin(async move {
            let output = run.await;
            match encode(&output, ThreadKind::Task) {
                Err(CodecError::NeedsOwnThread) => {
                    on_own_thread(move || encode(&output, ThreadKind::Own)).await?
                }
                done => done,
            }
        })),
    })
}
