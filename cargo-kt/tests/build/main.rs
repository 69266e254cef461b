//! *plan* and *build* with real cargo on small workspaces.

mod fixture;
mod graphs;
mod modes;
mod programs;
mod replay;
mod sources;
