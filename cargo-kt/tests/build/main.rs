//! *plan* and *compile* with real cargo on small workspaces.

mod answers;
mod checkouts;
mod dates;
mod fixture;
mod graphs;
mod identities;
mod modes;
mod programs;
mod replay;
mod roots;
mod scripts;
mod settings;
mod sources;
mod variables;

/// cargo's default layout of the build directory. `build_by_unit` runs this suite with the other
/// one.
const ENVIRONMENT: &[(&str, &str)] = &[];
