//! Types that macro expansions name for encoding, for programs that never encode: those built by
//! plain cargo, which make every call in place. The bounds are the real ones, so that a type is
//! accepted or rejected in both kinds of builds. No value of these types can exist.

use std::convert::Infallible;

use serde::{Serialize, de::DeserializeOwned};

pub struct Encoder(Infallible);

impl Encoder {
    pub fn put<T: Serialize>(&mut self, _: &T) -> Result<(), CodecError> {
        match self.0 {}
    }
}

pub struct Decoder<'a>(Infallible, std::marker::PhantomData<&'a ()>);

impl Decoder<'_> {
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        match self.0 {}
    }
}

pub struct CodecError(Infallible);

pub struct Shape(Infallible);

impl Shape {
    pub fn argument<T: DeserializeOwned>(&mut self) {
        match self.0 {}
    }

    pub fn output<T: DeserializeOwned>(&mut self) {
        match self.0 {}
    }
}
