//! Tests with real rustc and real DWARF: which edits change which fingerprints.

mod cases;
mod differences;
mod fixture;
mod private;
mod promises;
mod size;
