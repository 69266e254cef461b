//! *plan* and *build* with real cargo on small workspaces.

mod fixture;
mod graphs;
mod modes;
mod programs;
mod replay;
mod sources;

/// cargo's own layout of the build directory. `build_by_unit` is this suite with the other one.
const ENVIRONMENT: &[(&str, &str)] = &[];
