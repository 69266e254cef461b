//! The subcommands, a file each: plain data in, text out.

pub mod down;
pub mod logs;
pub mod ls;
