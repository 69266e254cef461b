//! Real rustc, real DWARF: which edits change which fingerprints.

mod cases;
mod fixture;
mod promises;
