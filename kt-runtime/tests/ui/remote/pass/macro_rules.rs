//! The attributes inside `macro_rules!`.
#![deny(warnings)]

macro_rules! getters {
    ($($(#[$meta:meta])* $visibility:vis $name:ident($argument:ident: $ty:ty) -> $output:ty $body:block)*) => {
        $(
            $(#[$meta])*
            #[kt::remote]
            $visibility fn $name($argument: $ty, other: u8) -> $output {
                let _ = other;
                $body
            }
        )*
    };
}

getters! {
    /// Documented.
    pub one(value: Vec<u8>) -> usize { value.len() }
    two(value: Option<Vec<u8>>) -> Option<usize> { value.map(|value| value.len()) }
}

macro_rules! local_names {
    ($name:ident) => {
        #[kt::remote]
        async fn $name(value: u8) -> u8 {
            value + helper()
        }
        fn helper() -> u8 {
            1
        }
    };
}
local_names!(three);

macro_rules! whole_body {
    ($name:ident $body:block) => {
        #[kt::remote]
        fn $name() -> u8 $body
    };
}
whole_body!(four { 4 });

macro_rules! states {
    ($($visibility:vis $name:ident: $ty:ty = $init:expr;)*) => {
        $(
            #[kt::state]
            $visibility static $name: $ty = $init;
        )*
    };
}

states! {
    pub FIRST: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());
    SECOND: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1 + 1);
}

fn main() {
    assert_eq!(one(vec![1], 0).blocking().unwrap(), 1);
    assert_eq!(two(None, 0).blocking().unwrap(), None);
    assert_eq!(three(1).blocking().unwrap(), 2);
    assert_eq!(four().blocking().unwrap(), 4);
    assert!(FIRST.lock().unwrap().is_empty());
    assert_eq!(SECOND.load(std::sync::atomic::Ordering::Relaxed), 2);
}
