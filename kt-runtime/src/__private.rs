//! What the macros expand to. No promise is kept about anything here.

pub use crate::{
    call::call,
    function::{Function, Remote, Started},
    shape::Shape,
    state::{Shared, StateDescriptor},
    wire::codec::{CodecError, Decoder, Encoder},
};
