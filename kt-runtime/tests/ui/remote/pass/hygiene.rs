//! The expansion uses no name that the user's code may define, and defines none that the user's
//! code uses.

#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct String(u8);
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Box;
#[allow(dead_code, reason = "only its name matters")]
pub trait Send {}
#[allow(dead_code, reason = "only its name matters")]
pub struct Result;
#[allow(dead_code, reason = "only its name matters")]
pub struct Option;
#[allow(dead_code, reason = "only its name matters")]
mod core {}
#[allow(dead_code, reason = "only its name matters")]
mod std {}
#[allow(dead_code, reason = "only its name matters")]
mod kt {}
#[allow(dead_code, reason = "only its name matters")]
fn call() {}
#[allow(dead_code, non_camel_case_types)]
pub struct u8_;
macro_rules! concat {
    () => {};
}
macro_rules! line {
    () => {};
}
concat!();
line!();

#[::kt::remote]
fn shadowed(text: String, _b: Box) -> String {
    text
}

// Every name of a local variable in the expansion.
#[::kt::remote]
fn locals(args: u8, from: u8, to: u8, output: u8, shape: u8, argument_1: u8) -> u8 {
    args + from + to + output + shape + argument_1
}

// An argument with the function's name.
#[::kt::remote]
fn name(name: u8) -> u8 {
    name
}

const fn helper() -> u8 {
    3
}

// The body sees its module's items.
#[::kt::remote]
fn sees_module() -> u8 {
    helper() + self::helper()
}

pub struct Args;
pub struct Output;
pub type Remote = u8;

#[::kt::remote]
fn named_like_the_trait_s_types(value: Remote) -> Remote {
    value
}

mod bare {
    #![no_implicit_prelude]

    #[::kt::remote]
    pub fn plain(text: ::std::string::String, n: ::core::option::Option<u8>) -> ::std::vec::Vec<u8> {
        let _ = text;
        ::std::iter::Iterator::collect(::core::iter::IntoIterator::into_iter(n))
    }

    #[::kt::remote]
    pub async fn later() {}

    #[::kt::state]
    pub static COUNT: ::std::sync::Mutex<u8> = ::std::sync::Mutex::new(3);
}

fn main() {
    assert_eq!(shadowed(String(3), Box).blocking().ok().map(|string| string.0), Some(3));
    assert_eq!(locals(1, 2, 3, 4, 5, 6).blocking().ok(), Some(21));
    assert_eq!(name(1).blocking().ok(), Some(1));
    assert_eq!(sees_module().blocking().ok(), Some(6));
    assert_eq!(named_like_the_trait_s_types(1).blocking().ok(), Some(1));
    assert_eq!(bare::plain("".into(), Some(1)).blocking().ok(), Some(::std::vec![1]));
    assert!(bare::later().blocking().is_ok());
    assert!(bare::COUNT.lock().is_ok_and(|count| *count == 3));
}
