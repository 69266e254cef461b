//! Placeholders for types that a crate may lack in an older version or without certain features.
//! The implementations that `#[kt::state]` generates then apply to these types, which have no
//! values.

use std::{convert::Infallible, marker::PhantomData};

/// async-lock has it since 2.6.
pub struct OnceCell<V>(Infallible, PhantomData<V>);

impl<V> OnceCell<V> {
    #[expect(clippy::new_without_default, reason = "as the other crate's")]
    pub fn new() -> Self {
        unreachable!("no state is of this type")
    }

    pub fn get(&self) -> Option<&V> {
        match self.0 {}
    }
}

impl<V> From<V> for OnceCell<V> {
    fn from(_: V) -> Self {
        Self::new()
    }
}

/// once_cell has it with its feature `std` or `critical-section`.
pub mod sync {
    use super::{Infallible, PhantomData};

    pub struct OnceCell<V>(super::OnceCell<V>);

    impl<V> OnceCell<V> {
        #[expect(clippy::new_without_default, reason = "as the other crate's")]
        pub fn new() -> Self {
            Self(super::OnceCell::new())
        }

        pub fn get(&self) -> Option<&V> {
            self.0.get()
        }
    }

    impl<V> From<V> for OnceCell<V> {
        fn from(_: V) -> Self {
            Self::new()
        }
    }

    pub struct Lazy<V, F>(Infallible, PhantomData<(V, F)>);

    impl<V, F> Lazy<V, F> {
        pub fn new(_: F) -> Self {
            unreachable!("no state is of this type")
        }

        pub fn get(lazy: &Self) -> Option<&V> {
            match lazy.0 {}
        }

        pub fn force(lazy: &Self) -> &V {
            match lazy.0 {}
        }
    }
}
