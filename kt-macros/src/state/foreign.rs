//! Cells, maps and sets of other crates. kt-runtime moves the values in them and may not depend on those crates, so the
//! user's crate does it: it implements kt-runtime's traits for the types of the crates that it depends on itself.
//!
//! Types decide, not names: an alias, an import or a renamed dependency is the type that it stands for, and a `Mutex` of std
//! beside one of parking_lot stays std's. The orphan rule lets a crate implement another's trait for a third's type if the
//! trait has a parameter that is a type of its own: `__KtHere`.
//!
//! Only functions are called that these crates have had for years, and a type that a version may lack is found among
//! kt-runtime's `absent`: what does not compile would stop the user's program.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Ident;

use super::externs;

/// `__KtHere`, and what is implemented with it.
pub fn implementations() -> TokenStream {
    let mut parking_lots = 0;
    let implementations = externs::all().iter().filter_map(|found| {
        let name = syn::parse_str::<Ident>(&found.name).ok()?;
        let here = Ident::new(&name.to_string(), Span::mixed_site());
        let krate = quote_spanned! {Span::mixed_site()=> ::#here };
        Some(match &*found.real {
            // Several versions have one lock_api, and one type is implemented once.
            "parking_lot" => {
                parking_lots += 1;
                (parking_lots == 1).then(|| parking_lot(&krate))?
            }
            "async_lock" => async_lock(&krate),
            "once_cell" => once_cell(&krate),
            "arc_swap" => arc_swap(&krate),
            "dashmap" => dashmap(&krate),
            _ => return None,
        })
    });
    let implementations: TokenStream = implementations.collect();
    quote_spanned! {Span::mixed_site()=>
        enum __KtHere {}
        #implementations
    }
}

/// Through `lock_api`, whose locks these are: `FairMutex` is a `Mutex`.
fn parking_lot(krate: &TokenStream) -> TokenStream {
    let api = quote_spanned! {Span::mixed_site()=> #krate::lock_api };
    let mutex = lock(
        &quote_spanned! {Span::mixed_site()=> R: #api::RawMutex + 'static, },
        &quote_spanned! {Span::mixed_site()=> #api::Mutex<R, V> },
        "try_lock",
        "try_lock",
    );
    let rwlock = lock(
        &quote_spanned! {Span::mixed_site()=> R: #api::RawRwLock + 'static, },
        &quote_spanned! {Span::mixed_site()=> #api::RwLock<R, V> },
        "try_read",
        "try_write",
    );
    quote_spanned! {Span::mixed_site()=>
        #mutex
        #rwlock
        // Its guard gives no `&mut`, so its value stays.
        impl<R: #api::RawMutex + 'static, G: #api::GetThreadId + 'static, V: 'static>
            ::__kt__::__private::Cell<__KtHere> for #api::ReentrantMutex<R, G, V>
        {
            type Value = V;
            const REPLACEABLE: bool = false;
            fn look(
                &self,
                until: ::std::time::Instant,
                see: &mut dyn ::core::ops::FnMut(&V, ::__kt__::__private::Found),
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                let guard = ::__kt__::__private::until(until, || self.try_lock())?;
                see(&*guard, ::__kt__::__private::Found::Sound);
                ::core::result::Result::Ok(())
            }
            fn with(value: V, _: ::__kt__::__private::Found) -> Self {
                Self::new(value)
            }
        }
    }
}

fn async_lock(krate: &TokenStream) -> TokenStream {
    let none = TokenStream::new();
    let mutex = lock(
        &none,
        &quote_spanned! {Span::mixed_site()=> #krate::Mutex<V> },
        "try_lock",
        "try_lock",
    );
    let rwlock = lock(
        &none,
        &quote_spanned! {Span::mixed_site()=> #krate::RwLock<V> },
        "try_read",
        "try_write",
    );
    let once = once(&quote_spanned! {Span::mixed_site()=> OnceCell<V> });
    let once = if_there(krate, &once);
    quote_spanned! {Span::mixed_site()=> #mutex #rwlock #once }
}

/// What is implemented for types that are written without the crate's name: the crate's own, or those of its absence. A name that the
/// inner block brings in hides the outer one's.
fn if_there(krate: &TokenStream, implementations: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            // One of the two imports is always unused: which one, the crate's version decides.
            #[allow(unused_imports)]
            use ::__kt__::__private::absent::*;
            const _: () = {
                #[allow(unused_imports)]
                use #krate::*;
                #implementations
            };
        };
    }
}

fn once_cell(krate: &TokenStream) -> TokenStream {
    let once = once(&quote_spanned! {Span::mixed_site()=> sync::OnceCell<V> });
    let all = quote_spanned! {Span::mixed_site()=>
        #once
        impl<V: 'static> ::__kt__::__private::Cell<__KtHere> for sync::Lazy<V, fn() -> V> {
            type Value = V;
            const REPLACEABLE: bool = false;
            fn look(
                &self,
                _: ::std::time::Instant,
                see: &mut dyn ::core::ops::FnMut(&V, ::__kt__::__private::Found),
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                if let ::core::option::Option::Some(value) = Self::get(self) {
                    see(value, ::__kt__::__private::Found::Sound);
                }
                ::core::result::Result::Ok(())
            }
            fn with(value: V, _: ::__kt__::__private::Found) -> Self {
                ::__kt__::__private::leave(value);
                let lazy = Self::new(::__kt__::__private::left::<V>);
                Self::force(&lazy);
                lazy
            }
        }
    };
    if_there(krate, &all)
}

/// Two kinds of one type, told apart by what their pointers point at.
fn arc_swap(krate: &TokenStream) -> TokenStream {
    let exchange = quote_spanned! {Span::mixed_site()=>
        const REPLACEABLE: bool = true;
        fn exchange(
            &self,
            other: &mut Self,
            _: ::std::time::Instant,
            go: &mut dyn ::core::ops::FnMut() -> bool,
        ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
            if go() {
                other.store(self.swap(other.load_full()));
            }
            ::core::result::Result::Ok(())
        }
    };
    quote_spanned! {Span::mixed_site()=>
        impl<V: 'static> ::__kt__::__private::Cell<__KtHere> for #krate::ArcSwap<V> {
            type Value = V;
            fn look(
                &self,
                _: ::std::time::Instant,
                see: &mut dyn ::core::ops::FnMut(&V, ::__kt__::__private::Found),
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                see(&*self.load_full(), ::__kt__::__private::Found::Sound);
                ::core::result::Result::Ok(())
            }
            fn with(value: V, _: ::__kt__::__private::Found) -> Self {
                Self::from_pointee(value)
            }
            #exchange
        }
        impl<V: 'static> ::__kt__::__private::Cell<__KtHere> for #krate::ArcSwapOption<V> {
            type Value = V;
            fn look(
                &self,
                _: ::std::time::Instant,
                see: &mut dyn ::core::ops::FnMut(&V, ::__kt__::__private::Found),
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                if let ::core::option::Option::Some(value) = self.load_full() {
                    see(&*value, ::__kt__::__private::Found::Sound);
                }
                ::core::result::Result::Ok(())
            }
            fn with(value: V, _: ::__kt__::__private::Found) -> Self {
                Self::from_pointee(value)
            }
            fn empty() -> ::core::option::Option<Self> {
                ::core::option::Option::Some(Self::new(::core::option::Option::None))
            }
            #exchange
        }
    }
}

fn dashmap(krate: &TokenStream) -> TokenStream {
    let hasher = quote_spanned! {Span::mixed_site()=>
        K: ::core::cmp::Eq + ::core::hash::Hash + 'static,
        S: ::core::hash::BuildHasher + ::core::clone::Clone + ::core::default::Default + 'static,
    };
    quote_spanned! {Span::mixed_site()=>
        impl<K, V: 'static, S> ::__kt__::__private::Entries<__KtHere> for #krate::DashMap<K, V, S>
        where #hasher
        {
            type Key = K;
            type Value = V;
            const MAP: bool = true;
            fn new() -> Self {
                Self::with_hasher(::core::default::Default::default())
            }
            fn add(&self, key: K, value: V) {
                ::core::mem::drop(self.insert(key, value));
            }
            fn each(&self, see: &mut dyn ::core::ops::FnMut(&K, &V)) {
                for entry in self.iter() {
                    see(entry.key(), entry.value());
                }
            }
        }
        impl<K, S> ::__kt__::__private::Entries<__KtHere> for #krate::DashSet<K, S>
        where #hasher
        {
            type Key = K;
            type Value = ();
            const MAP: bool = false;
            fn new() -> Self {
                Self::with_hasher(::core::default::Default::default())
            }
            fn add(&self, key: K, (): ()) {
                self.insert(key);
            }
            fn each(&self, see: &mut dyn ::core::ops::FnMut(&K, &())) {
                for entry in self.iter() {
                    see(entry.key(), &());
                }
            }
        }
    }
}

/// A lock whose `try_…` return an `Option` of a guard: poisoned it cannot be.
fn lock(parameters: &TokenStream, of: &TokenStream, read: &str, write: &str) -> TokenStream {
    let [read, write] = [read, write].map(|name| Ident::new(name, Span::mixed_site()));
    quote_spanned! {Span::mixed_site()=>
        impl<#parameters V: 'static> ::__kt__::__private::Cell<__KtHere> for #of {
            type Value = V;
            const REPLACEABLE: bool = true;
            fn look(
                &self,
                until: ::std::time::Instant,
                see: &mut dyn ::core::ops::FnMut(&V, ::__kt__::__private::Found),
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                let guard = ::__kt__::__private::until(until, || self.#read())?;
                see(&*guard, ::__kt__::__private::Found::Sound);
                ::core::result::Result::Ok(())
            }
            fn with(value: V, _: ::__kt__::__private::Found) -> Self {
                Self::new(value)
            }
            fn exchange(
                &self,
                other: &mut Self,
                until: ::std::time::Instant,
                go: &mut dyn ::core::ops::FnMut() -> bool,
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                let mut guard = ::__kt__::__private::until(until, || self.#write())?;
                if go() {
                    ::core::mem::swap(&mut *guard, other.get_mut());
                }
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// A cell that keeps what it was once given.
fn once(of: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        impl<V: 'static> ::__kt__::__private::Cell<__KtHere> for #of {
            type Value = V;
            const REPLACEABLE: bool = false;
            fn look(
                &self,
                _: ::std::time::Instant,
                see: &mut dyn ::core::ops::FnMut(&V, ::__kt__::__private::Found),
            ) -> ::core::result::Result<(), ::__kt__::__private::LockTimeout> {
                if let ::core::option::Option::Some(value) = self.get() {
                    see(value, ::__kt__::__private::Found::Sound);
                }
                ::core::result::Result::Ok(())
            }
            fn with(value: V, _: ::__kt__::__private::Found) -> Self {
                <Self as ::core::convert::From<V>>::from(value)
            }
            fn empty() -> ::core::option::Option<Self> {
                ::core::option::Option::Some(Self::new())
            }
        }
    }
}
